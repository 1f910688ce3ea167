"""What costs a browser time: what it computes anew when something comes or goes, and what moves."""

import json

import pytest
from playwright.sync_api import expect

from runs.tests.test_large_run import begin, carry_out, large_run
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.animated,
    pytest.mark.django_db(transaction=True),
]

# An element comes and goes at the end of what the selector names; the number of all elements.
CHANGE = """(selector) => {
    const element = document.createElement("span");
    document.querySelector(selector).append(element);
    element.getBoundingClientRect();
    element.remove();
    document.body.getBoundingClientRect();
    return document.querySelectorAll("*").length;
}"""
# The names of the run's animations that run, and of those that are paused.
MOVING = """() => {
    const own = document.getAnimations().filter(({effect}) => effect.target.closest("#run"));
    const names = (state) => own.filter(({playState}) => playState === state)
        .map(({animationName}) => animationName);
    return [names("running"), names("paused")];
}"""
SHARE = 0.1  # of the elements of the page, at most


def styled(page, selector: str) -> tuple[int, int]:
    """How many elements get a new style when one comes and goes, and how many there are."""
    browser = page.context.browser
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    count = page.evaluate(CHANGE, selector)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    updates = [event["args"] for event in events if event["name"] == "UpdateLayoutTree"]
    return max((update.get("elementCount", 0) for update in updates), default=0), count


def test_what_comes_and_goes_gives_the_rest_of_the_run_page_no_new_style(signed_in, acme):
    run = large_run(acme, 40)
    carry_out(run, 0, tools=20)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    restyled, count = styled(signed_in, "#events")
    assert 0 < restyled < count * SHARE, f"{restyled} of {count} elements"


def test_at_a_moment_of_the_past_nothing_moves_until_it_is_played(signed_in, acme):
    run = acme.start_run()
    begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    eventually(lambda: signed_in.evaluate(MOVING)[0])
    assert not signed_in.evaluate(MOVING)[1]
    slider = signed_in.get_by_label("Moment of the run")
    slider.press("End")
    slider.press("ArrowLeft")
    expect(signed_in.locator("#run-live[data-past] .run-task[data-status=running]")).to_have_count(
        1
    )
    moving, still = signed_in.evaluate(MOVING)
    assert (moving, bool(still)) == ([], True)
    signed_in.get_by_role("button", name="Play").click()
    eventually(lambda: signed_in.evaluate(MOVING)[0])
