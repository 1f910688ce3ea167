"""The run page at a moment of the past in a real browser."""

import pytest
from playwright.sync_api import expect

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
