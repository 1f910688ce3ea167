"""The run page at a moment of the past in a real browser."""

from urllib.parse import quote

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from realtime.log import pruning
from realtime.tests.pages.scene import reported
from runs.events.encoding import iso_utc
from runs.models import ReportedRun, ToolExecution
from runs.tests.test_large_run import begin
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in
from tests.test_browser_output import shows
from tests.test_browser_replay import failed_run

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_without_scripts_the_address_shows_the_moment(chromium, web, acme):
    run, moment = failed_run(acme, changes=2)
    run.share(True)
    context = chromium.new_context(java_script_enabled=False, base_url=web.origin)
    page = context.new_page()
    page.goto(f"{run.get_absolute_url()}?at={moment}")
    expect(page.locator("#notice-past")).to_contain_text("The past")
    expect(page.locator('.tool[data-status="running"]')).to_have_count(1)
    page.get_by_role("link", name="To the present").click()
    expect(page.locator("#run-live")).to_have_attribute("data-status", "failed")
    context.close()


def test_one_failed_fetch_at_the_switch_leaves_the_output_live(signed_in, acme):
    run = acme.start_run()
    _, [tool] = begin(run, 0)
    tool.report(output="one\n")
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    signed_in.get_by_label("Moment of the run").press("Home")
    expect(signed_in.locator("#run-live[data-past]")).to_have_count(1)
    refused = []

    def refuse(route) -> None:
        refused.append(route.request.url)
        route.abort()

    signed_in.route("**/live/**", refuse)
    signed_in.get_by_role("button", name="Back to live").click()
    eventually(lambda: signed_in.wait_for_timeout(20) or refused)
    signed_in.unroute("**/live/**")
    tool.report(output="two\n", message="goes on")
    expect(signed_in.locator("#run-live[data-past]")).to_have_count(0)
    shows(signed_in, tool, ["one", "two"])
    tool.report(output="three\n")
    shows(signed_in, tool, ["one", "two", "three"])


# The body of the next answer breaks off.
BREAK_OFF = """() => {
    const { fetch } = window;
    window.fetch = async (...given) => {
        const response = await fetch(...given);
        window.fetch = fetch;
        window.broken = true;
        response.text = () => Promise.reject(new TypeError("cut"));
        return response;
    };
}"""


def test_an_answer_that_breaks_off_is_asked_for_again(signed_in, acme):
    run = acme.start_run()
    _, [tool] = begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    signed_in.evaluate(BREAK_OFF)
    tool.end("success")
    eventually(lambda: signed_in.evaluate("window.broken"))
    run.finish("failed")
    expect(signed_in.locator("#run-live")).to_have_attribute("data-status", "failed")


# How many timers of the player run.
COUNT_TIMERS = """
    const now = performance.now.bind(performance);
    performance.now = () => now() / 1000;  // so that the short run is played for minutes
    const { setInterval, clearInterval } = window;
    window.players = new Set();
    window.setInterval = (run, ms) => {
        const timer = setInterval(run, ms);
        if (ms === 100) window.players.add(timer);
        return timer;
    };
    window.clearInterval = (timer) => {
        window.players.delete(timer);
        clearInterval(timer);
    };
"""


def test_play_pressed_twice_while_the_recording_loads_plays_once(signed_in, acme):
    run, _ = failed_run(acme)
    held = []
    signed_in.add_init_script(COUNT_TIMERS)
    signed_in.route("**/recording/**", lambda route: held.append(route))
    signed_in.goto(run.get_absolute_url())
    slider = signed_in.get_by_label("Moment of the run")
    slider.press("Space")
    slider.press("Space")
    for route in held:
        route.continue_()
    expect(signed_in.get_by_role("button", name="Pause")).to_be_visible()
    assert signed_in.evaluate("window.players.size") == 1
    slider.press("Space")
    assert signed_in.evaluate("window.players.size") == 0


def test_a_message_is_written_after_the_return_from_a_moment(signed_in, acme):
    run = reported(acme, {"type": "agent_start", "agent_id": "a"})
    ReportedRun.objects.filter(run=run).update(controls="cancel,message")
    signed_in.goto(f"{run.get_absolute_url()}?at={quote(iso_utc(timezone.now()))}")
    expect(signed_in.locator("#run-live[data-past]")).to_have_count(1)
    button = signed_in.get_by_role("button", name="Message")
    expect(button).to_have_count(0)
    signed_in.get_by_role("button", name="Back to live").click()
    button.click()
    expect(signed_in.get_by_role("dialog", name="Message to the run")).to_be_visible()


def test_where_nothing_can_be_copied_it_says_where_the_address_is(signed_in, acme):
    run, _ = failed_run(acme)
    # As on a page without https.
    signed_in.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    signed_in.goto(run.get_absolute_url())
    signed_in.get_by_label("Moment of the run").press("Home")
    expect(signed_in.locator("#run-live[data-past]")).to_have_count(1)
    signed_in.get_by_role("button", name="Copy link").click()
    note = signed_in.locator("[data-replay=note]")
    expect(note).to_have_text("Copy the address from the address bar.")


def test_a_link_to_a_moment_that_is_not_known_shows_all_of_the_present(signed_in, acme):
    run, moment = failed_run(acme, changes=3)
    tool = ToolExecution.objects.get(task_execution__run=run, status="error")
    pruning.prune(older_than=timezone.now())
    signed_in.goto(f"{run.get_absolute_url()}?at={quote(moment)}")
    note = signed_in.locator("[data-replay=note]")
    expect(note).to_have_text("The past of this run is not known.")
    shows(signed_in, tool, ["hello"])
    expect(signed_in.get_by_role("button", name="To the end")).to_be_hidden()
    signed_in.wait_for_url(run.get_absolute_url())
