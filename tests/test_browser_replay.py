"""Looking back in a real browser: a moment of the past shows what the page showed at that
moment.
"""

import re
from urllib.parse import quote

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from conftest import Tenant
from runs.events.encoding import iso_utc
from runs.models import Run, TaskExecution, ToolExecution
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Of each agent in the graph and in the table: its state, task and tools. Durations grow by
# themselves.
CREW_SHOWN = r"""() => [...document.querySelectorAll("[data-agent]")].map((e) => [
    e.id, e.dataset.state, e.querySelector("[data-current]")?.textContent ?? "",
    [...e.querySelectorAll(".tool")].map((tool) => [
        tool.dataset.execution, tool.dataset.status, tool.querySelector(".tool-message").textContent,
        tool.querySelector("i")?.style.getPropertyValue("--progress") ?? "",
        tool.querySelector(".tool-figure").textContent.replace(/[\d.]+ m?s/, ""),
    ]),
])"""


def steps_of(run: Run):
    """Carry the run out, one visible change at a time."""
    for number, planned in enumerate(run.plan["tasks"][:2]):
        task = TaskExecution.objects.start(run=run, task=planned)
        yield
        call = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        yield
        call.report(message="half of it", progress=0.5, output="hello\n")
        yield
        call.end("success" if number == 0 else "error", exit_code=number)
        yield
        task.finish("succeeded" if number == 0 else "failed", message="No." if number else "")
        yield


def failed_run(acme: Tenant, *, changes: int = 0) -> tuple[Run, str]:
    """A run that has failed, and the moment after so many of its changes."""
    run = acme.start_run()
    steps = steps_of(run)
    for _ in range(changes):
        next(steps)
    moment = iso_utc(timezone.now())
    for _ in steps:
        pass
    run.finish("failed", reason="task_failed")
    return run, moment


def shown_live(page, script: str, run: Run) -> list[tuple[str, object]]:
    """The page after each change, with a time between this change and the next."""
    before, seen = page.evaluate(script), []
    for _ in steps_of(run):
        eventually(lambda: page.evaluate(script) != before)  # noqa: B023  called at once
        before = page.evaluate(script)
        seen.append((iso_utc(timezone.now()), before))
    return seen


def look_back(page, moment: str, script: str, expected: object) -> None:
    page.goto(f"{page.url.partition('?')[0]}?at={quote(moment)}")
    try:
        eventually(lambda: page.evaluate(script) == expected)
    except AssertionError:
        assert page.evaluate(script) == expected


def test_the_crew_page_shows_what_it_showed_at_each_moment(signed_in, acme, worker_alive):
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    run = acme.start_run()
    expect(signed_in.locator(f"#run-{run.pk}")).to_be_visible()
    seen = shown_live(signed_in, CREW_SHOWN, run)
    assert len(seen) == 10
    run.finish("failed", reason="task_failed")
    for moment, expected in [*reversed(seen), seen[3]]:
        look_back(signed_in, moment, CREW_SHOWN, expected)


def test_a_live_run_is_looked_back_at_while_it_goes_on(signed_in, acme, worker_alive):
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    run = acme.start_run()
    expect(signed_in.locator(f"#run-{run.pk}")).to_be_visible()
    steps = steps_of(run)
    for _ in range(3):
        next(steps)
    card = signed_in.locator('#graph [data-agent="orion"]')
    expect(card.locator(".tool-message")).to_have_text("half of it")
    slider = signed_in.get_by_label("Moment of the run")
    slider.focus()
    expect(signed_in.locator("[data-replay=total]")).not_to_be_empty()
    expect(signed_in.locator("[data-replay=time]")).to_have_text("Live")
    slider.press("Home")
    expect(card).to_have_attribute("data-state", "idle")
    address = re.compile(rf"\?at=.*&run={run.pk}")
    signed_in.wait_for_url(address)
    for _ in steps:
        pass
    # The page stays at its moment. What is shown of the present, the list of runs, goes on.
    expect(signed_in.locator(f"#run-{run.pk}")).to_have_attribute("data-ended", "2")
    expect(card).to_have_attribute("data-state", "idle")
    signed_in.get_by_role("button", name="Back to live").click()
    expect(card).to_have_attribute("data-state", "done")
    expect(signed_in.locator("[data-replay=time]")).to_have_text("Live")
    signed_in.wait_for_url(re.compile(r"/$"))


def test_jumps_to_an_error_plays_and_copies_the_address(signed_in, acme):
    failed_run(acme)
    signed_in.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signed_in.goto(acme.crew.get_absolute_url())
    signed_in.get_by_role("button", name="Next error").click()
    card = signed_in.locator('#graph [data-agent="vega"]')
    expect(card.locator(".tool")).to_have_attribute("data-status", "error")
    expect(card).to_have_attribute("data-state", "working")  # its task has not ended yet
    signed_in.get_by_role("button", name="Copy link").click()
    copied = signed_in.evaluate("navigator.clipboard.readText()")
    assert copied == signed_in.url
    colleague = signed_in.context.new_page()
    colleague.goto(copied)
    expect(colleague.locator('#graph [data-agent="vega"]')).to_have_attribute(
        "data-state", "working"
    )
    shown = colleague.evaluate(CREW_SHOWN)
    assert shown == signed_in.evaluate(CREW_SHOWN)
    colleague.close()
    slider = signed_in.get_by_label("Moment of the run")
    slider.press("Home")
    signed_in.get_by_label("Speed").select_option("60")
    slider.press("Space")
    expect(card).to_have_attribute("data-state", "error")  # it has played to the end
    expect(signed_in.get_by_role("button", name="Play")).to_be_visible()
    assert slider.get_attribute("aria-valuetext").startswith("the end, after ")
