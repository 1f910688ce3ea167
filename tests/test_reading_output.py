"""Reading a tool's output on the run page while the run goes on, in a real browser."""

import re

import pytest

from runs.models import Run, TaskExecution, ToolExecution

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOUND = "CSS.highlights.get('output-found')?.size ?? 0"


def lines(first: int, last: int) -> str:
    return "".join(f"line {number} ok\n" for number in range(first, last + 1))


@pytest.fixture
def run(acme) -> Run:
    run = acme.start_run()
    run.share(True)
    return run


@pytest.fixture
def tool(run) -> ToolExecution:
    """At work, with 199 lines written."""
    return begin(run, 0, output=lines(1, 199))


def begin(run: Run, number: int, *, output: str) -> ToolExecution:
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][number])
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    execution.report(message="at work", output=output)
    return execution


def test_a_slash_searches_the_output_also_while_it_grows(page, run, tool):
    from playwright.sync_api import expect

    page.goto(run.get_absolute_url())
    output = page.locator(f"#output-{tool.pk}")
    expect(output.locator("pre")).to_contain_text("line 199")
    page.keyboard.press("/")
    search = output.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("LINE 19")
    count = output.get_by_role("status")
    expect(count).to_have_text("1 of 11")  # 19 and 190 to 199
    assert page.evaluate(FOUND) == 11
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text("11 of 11")
    page.keyboard.press("Enter")
    expect(count).to_have_text("1 of 11")
    expect(output.get_by_role("button", name="Follow")).to_be_visible()

    tool.report(message="at work", output=lines(1900, 1909))
    expect(count).to_have_text("1 of 21")
    search.fill("nowhere")
    expect(count).to_have_text("not found")
    page.keyboard.press("Escape")
    expect(count).to_have_text("")
    assert page.evaluate(FOUND) == 0
    page.keyboard.type("a/b")
    expect(search).to_have_value("a/b")


def test_following_the_run_closes_no_output_that_is_being_read(page, run, tool):
    from playwright.sync_api import expect

    page.goto(run.get_absolute_url())
    page.keyboard.press("/")
    page.keyboard.type("line 7")
    tool.end("success", exit_code=0)
    tool.task_execution.finish("succeeded")
    second = begin(run, 1, output="more\n")
    expect(page.locator(f"#text-{second.pk}")).to_contain_text("more")
    expect(page.locator(f"#output-{tool.pk}")).to_be_visible()
    expect(page.get_by_role("searchbox").first).to_be_focused()


def test_following_the_run_closes_an_output_that_nobody_reads(page, run, tool):
    from playwright.sync_api import expect

    page.goto(run.get_absolute_url())
    expect(page.locator(f"#output-{tool.pk}")).to_be_visible()
    tool.end("success", exit_code=0)
    tool.task_execution.finish("succeeded")
    second = begin(run, 1, output="more\n")
    expect(page.locator(f"#text-{second.pk}")).to_contain_text("more")
    expect(page.locator(f"#output-{tool.pk}")).to_be_hidden()


def test_the_link_to_a_tool_is_copied_and_opens_it(page, run, tool):
    from playwright.sync_api import expect

    tool.end("success", exit_code=0)
    tool.task_execution.finish("succeeded")
    begin(run, 1, output="more\n")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(run.get_absolute_url())
    card = page.locator(f"#tool-{tool.pk}")
    expect(card.locator("pre").first).to_be_hidden()
    card.locator("summary").first.click()
    link = card.locator("[data-copy-link]")
    link.click()
    expect(link).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith(f"{run.get_absolute_url()}#tool-{tool.pk}")

    other = page.context.new_page()
    other.goto(copied)
    expect(other.locator(f"#text-{tool.pk}")).to_contain_text("line 199")
    expect(other.locator(f"#tool-{tool.pk}")).to_be_in_viewport()
    expect(link).to_have_text(re.compile("^Link$"))
