"""The run page in a real browser: what it has become is what a page shows that is opened now."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from runs.execution import controls
from runs.models import Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.tests.scene import work
from runs.tests.test_large_run import begin, carry_out, large_run
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ENDED_MS = 20_000  # a guest's page asks every fifteen seconds
# But for the content of cards: of a large run it is there once it was looked at.
SHOWN = r"""() => {
    const text = (selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent.replace(/\s+/g, " "));
    const parts = [...document.querySelectorAll("#run-live [data-version]")];
    return {
        parts: parts.map(({id, dataset}) => [id, dataset.status, dataset.version]),
        texts: text("#run-live :is(h3, .event, .tool-planned, .run-task-why, .lane-label)"),
        ids: [...document.querySelectorAll("#run-live [id]")].filter((e) => !e.closest(".tool-body")).map(({id}) => id).sort(),
        facts: text("#run-head .run-fact:nth-child(2), #run-head h1, #event-count, .run-pages"),
        segments: [...document.querySelectorAll(".segments li")].map((e) => e.dataset.status),
    };
}"""

# How many outputs the page has in memory, after the browser has collected its garbage.
# The page's own instance of the module, whose address contains a version.
OUTPUTS = """import(new URL("tool_output.js", document.querySelector('[src$="/every_page.js"]').src))
    .then((module) => module.ToolOutput.prototype)"""
# How far the reader of a list is from its end, in pixels.
LEFT = "(list) => list.scrollHeight - list.scrollTop - list.clientHeight"
LENGTH = "function () { return this.length; }"
# How often within a second the text of the clock is written, and how often it is another one.
WRITTEN = """(clock) => new Promise((resolve) => {
    const texts = [clock.textContent];
    new MutationObserver((changes) => changes.forEach(() => texts.push(clock.textContent)))
        .observe(clock, { childList: true, characterData: true, subtree: true });
    const changes = () => texts.filter((text, n) => n && text !== texts[n - 1]).length;
    setTimeout(() => resolve([texts.length - 1, changes()]), 1000);
})"""

# Of the running bar: where it ends, and where the label beside it begins, in pixels.
BAR_AND_LABEL = """() => {
    const bar = document.querySelector(".bar[data-start]:not([data-end])");
    const box = (part) => bar.querySelector(part).getBoundingClientRect();
    return [box(".bar-box").right, box(".bar-aside").left];
}"""


def outputs_in_memory(page) -> int:
    devtools = page.context.new_cdp_session(page)
    asked = devtools.send("Runtime.evaluate", {"expression": OUTPUTS, "awaitPromise": True})
    found = devtools.send(
        "Runtime.queryObjects", {"prototypeObjectId": asked["result"]["objectId"]}
    )
    count = {"objectId": found["objects"]["objectId"], "functionDeclaration": LENGTH}
    return devtools.send("Runtime.callFunctionOn", count)["result"]["value"]


def same_as_a_fresh_page(page, run: Run) -> None:
    """Wait until the page shows what one does that is opened now."""
    fresh = page.context.new_page()
    fresh.goto(run.get_absolute_url())
    expect(mark(fresh)).to_have_attribute("data-state", re.compile("live|finished"))
    wanted = fresh.evaluate(SHOWN)
    fresh.close()
    page.bring_to_front()
    try:
        eventually(lambda: page.evaluate(SHOWN) == wanted)
    except AssertionError:
        assert page.evaluate(SHOWN) == wanted


@pytest.mark.parametrize("size", ["small", "large"])
def test_after_every_event_the_page_is_as_one_that_is_opened_now(signed_in, acme, size):
    run = Run.objects.create(crew=acme.crew) if size == "small" else large_run(acme, 40)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    if size == "small":
        run.start(worker="w")
    loaded = signed_in.evaluate("performance.timeOrigin")
    for number in (0, 1):
        task, [tool] = begin(run, number)
        same_as_a_fresh_page(signed_in, run)
        tool.report(message="half of it", progress=0.5, output="hello\n")
        expect(signed_in.locator(f"#text-{tool.pk}")).to_contain_text("hello")
        tool.end("success" if number == 0 else "error", exit_code=number)
        ToolExecution.objects.start(task_execution=task, tool="pytest", params={"path": "."}).end(
            "success", exit_code=0
        )
        same_as_a_fresh_page(signed_in, run)
        task.finish("succeeded" if number == 0 else "failed", message="" if not number else "No.")
        same_as_a_fresh_page(signed_in, run)
    run.finish("failed", reason="task_failed", message="Some tests failed.")
    expect(mark(signed_in)).to_have_attribute("data-state", "finished")
    same_as_a_fresh_page(signed_in, run)
    assert signed_in.evaluate("performance.timeOrigin") == loaded


def test_a_task_of_a_large_run_opens_and_its_tools_output_comes(signed_in, acme):
    run = large_run(acme, 40)
    [tool] = carry_out(run, 0, tools=1)
    begin(run, 1)
    signed_in.goto(run.get_absolute_url())
    signed_in.locator(f'[data-open="{run.plan["tasks"][0]["task_id"]}"]').click()
    card = signed_in.locator(f"#tool-{tool.pk}")
    card.locator("summary").first.click()
    expect(card.locator(".output-text")).to_be_visible()
    # It stays open when the page is brought up to date.
    begin(run, 2)
    expect(signed_in.locator(".run-task[data-status=running]")).to_have_count(2)
    expect(card.locator(".output-text")).to_be_visible()


def test_the_keyboard_stays_at_a_task_of_a_large_run_that_it_has_opened(signed_in, acme):
    run = large_run(acme, 40)
    [tool] = carry_out(run, 0, tools=1)
    begin(run, 1)
    signed_in.goto(run.get_absolute_url())
    task = run.plan["tasks"][0]["task_id"]
    signed_in.locator(f'[data-open="{task}"]').press("Enter")
    expect(signed_in.locator(f"#tool-{tool.pk}")).to_be_visible()
    expect(signed_in.locator(f"#task-{task}")).to_be_focused()


def test_a_task_of_a_large_run_that_was_live_opens_again_with_its_output(signed_in, acme):
    run = large_run(acme, 40)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    at_work = signed_in.locator(".run-task[data-status=running] .tool")
    for number in range(3):
        task, [tool] = begin(run, number)
        expect(at_work).to_have_attribute("data-execution", str(tool.pk))
        tool.report(output=f"task {number}\n")
        expect(signed_in.locator(f"#text-{tool.pk}")).to_contain_text(f"task {number}")
        tool.end("success")
        task.finish("succeeded")
    begin(run, 3)
    last = signed_in.locator(f"#tool-{tool.pk}")
    expect(last).to_have_count(0)
    # What was shown of the tasks before is not kept in memory.
    eventually(lambda: outputs_in_memory(signed_in) == signed_in.locator(".tool").count())
    signed_in.locator(f'[data-open="{run.plan["tasks"][2]["task_id"]}"]').click()
    last.locator("summary").first.click()
    expect(last.locator(".output-text")).to_contain_text("task 2")


def test_a_card_that_the_reader_has_opened_stays_when_its_task_has_ended(signed_in, acme):
    run = large_run(acme, 40)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    task, [first, second] = begin(run, 0, tools=2)
    expect(signed_in.locator(f"#tool-{second.pk}[open]")).to_have_count(1)
    card = signed_in.locator(f"#tool-{first.pk}")
    card.locator("summary").first.click()
    expect(card.locator(".output-text")).to_be_visible()
    signed_in.locator("h1").click()  # The reader is elsewhere; the card stays open.
    second.end("success")
    task.finish("succeeded")
    for number in (1, 2):
        _, [tool] = begin(run, number)
        expect(signed_in.locator(f"#tool-{tool.pk}[open]")).to_have_count(1)
        expect(card.locator(".output-text")).to_be_visible()


def test_the_clock_of_a_pause_is_not_announced_and_written_only_when_it_changes(signed_in, acme):
    run = acme.start_run()
    work(run)
    controls.ask(run, "pause")
    report_paused(run, True)
    run.refresh_from_db()
    run.paused_at = timezone.now() - timedelta(hours=1)
    run.save()
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    clock = signed_in.locator("#notice-paused [data-ticking]")
    assert clock.evaluate("e => [e.role, e.ariaLive]") == ["timer", "off"]
    written, changed = clock.evaluate(WRITTEN)
    assert written == changed


def test_the_label_beside_a_running_bar_moves_with_its_end(signed_in, acme):
    run = acme.start_run()
    run.started_at = timezone.now() - timedelta(minutes=1)
    run.save()
    work(run)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    (first, _) = signed_in.evaluate(BAR_AND_LABEL)

    def grown() -> list[float] | None:
        end, label = signed_in.evaluate(BAR_AND_LABEL)
        return [end, label] if end > first + 12 else None

    end, label = eventually(grown)
    assert label > end


def test_a_link_to_a_tool_on_another_page_of_tasks_leads_there(signed_in, acme):
    run = large_run(acme, 70)
    [tool] = carry_out(run, 0, tools=1)
    begin(run, 40)
    signed_in.goto(f"{run.get_absolute_url()}#tool-{tool.pk}")
    expect(signed_in.locator(f"#tool-{tool.pk}[open]")).to_be_in_viewport()
    signed_in.get_by_role("link", name="Later").first.click()
    expect(signed_in.locator(".run-pages").first).to_contain_text("Tasks 31 to 60 of 70")


def test_a_guests_page_of_an_ended_run_says_that_sharing_has_ended(page, acme):
    run = acme.start_run()
    TaskExecution.objects.start(run=run, task=run.plan["tasks"][0]).finish("succeeded")
    run.finish("succeeded")
    run.share(True)
    page.clock.install()
    page.goto(run.get_absolute_url())
    expect(page.locator("#run-head .status-badge")).to_have_text("Succeeded")
    run.share(False)
    page.clock.fast_forward(ENDED_MS)
    expect(page.get_by_role("heading", name="Sharing has ended")).to_be_visible()
    expect(page.locator("#run-live")).to_have_count(0)
    expect(page.get_by_role("link", name="sign in", exact=True)).to_be_visible()


def test_a_guests_page_of_a_run_at_work_says_that_sharing_has_ended(page, acme):
    run = acme.start_run()
    run.share(True)
    page.goto(run.get_absolute_url())
    expect(mark(page)).to_have_attribute("data-state", "live")
    run.share(False)
    expect(page.get_by_role("heading", name="Sharing has ended")).to_be_visible()


def test_a_queued_run_shows_its_place_as_others_before_it_go(signed_in, acme, worker_alive):
    first, second = (Run.objects.create(crew=acme.crew) for _ in range(2))
    signed_in.goto(second.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    notice = signed_in.locator("#notice-queued")
    expect(notice).to_contain_text("second in Acme's queue")
    first.cancel()
    expect(notice).to_contain_text("first in Acme's queue")


def test_an_older_page_of_events_stays_while_the_run_goes_on(signed_in, acme):
    run = large_run(acme, 40)
    for number in range(4):
        carry_out(run, number, tools=20)
    signed_in.goto(run.get_absolute_url())
    signed_in.locator("#events-pages").get_by_text("Older").click()
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    names = "[...document.querySelectorAll('.event')].map((row) => row.id)"
    shown = signed_in.evaluate(names)
    begin(run, 4)
    # The slower the server, the longer a large run's page waits before it asks again.
    running = signed_in.locator(".run-task[data-status=running]")
    expect(running).to_have_count(1)
    assert signed_in.evaluate(names) == shown
    signed_in.locator("#events-pages").get_by_text("Newest").click()
    expect(signed_in.locator("#events")).to_contain_text("Task 4 began")


def test_the_newest_event_of_a_large_run_is_in_view_until_the_reader_scrolls_up(signed_in, acme):
    run = large_run(acme, 40)
    for number in range(4):
        carry_out(run, number, tools=20)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    events = signed_in.locator("#events")
    events.scroll_into_view_if_needed()
    eventually(lambda: events.evaluate(LEFT) < 1)
    begin(run, 4)
    expect(events).to_contain_text("Task 4 began")
    eventually(lambda: events.evaluate(LEFT) < 1)
    events.hover()
    signed_in.mouse.wheel(0, -300)
    eventually(lambda: events.evaluate(LEFT) > 250)
    before = events.evaluate(LEFT)
    begin(run, 5)
    expect(events).to_contain_text("Task 5 began")
    assert events.evaluate(LEFT) > before


def test_the_last_event_is_in_view_however_high_the_events_are(signed_in, acme):
    run = large_run(acme, 40)
    for number in range(4):
        carry_out(run, number, tools=20)
    run.finish("succeeded")
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "finished")
    # Higher than the page expects before it has laid them out.
    signed_in.evaluate("document.styleSheets[0].insertRule('.event-what { min-height: 9rem }')")
    events = signed_in.locator("#events")
    events.scroll_into_view_if_needed()
    eventually(lambda: events.evaluate(LEFT) < 1)
