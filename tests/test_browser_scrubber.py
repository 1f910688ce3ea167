"""The scrubber of the run page in a real browser: keyboard, marks, a pruned run, a phone."""

import re

import pytest
from playwright.sync_api import expect

from realtime.log import pruning
from realtime.replay.merging import parsed
from realtime.tests.pages.scene import reported
from realtime.tests.replay import stories
from runs.models import Control, TaskExecution
from runs.models.control import report_paused
from tests.live import eventually
from tests.test_browser_crew import mark, signed_in
from tests.test_browser_replay import failed_run, steps_of

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 360, "height": 740}
# What of the scrubber is not on the screen, or too small for a finger.
UNREACHABLE = """() => {
    const parts = [...document.querySelectorAll("#replay button, #replay input, #replay select")];
    return parts.filter((part) => part.checkVisibility()).map((part) => {
        const { left, right, top, bottom, height } = part.getBoundingClientRect();
        const isInside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
        return isInside && height >= 24 ? "" : part.outerHTML;
    }).filter(Boolean);
}"""


def slider(page):
    return page.get_by_label("Moment of the run")


def shown(page):
    return page.locator("#run-live")


def test_keys_lead_from_the_first_moment_to_the_last(signed_in, acme):
    run, _ = failed_run(acme)
    signed_in.goto(run.get_absolute_url())
    expect(signed_in.locator("[data-replay=time]")).to_have_text("End")
    slider(signed_in).press("Home")
    expect(shown(signed_in)).to_have_attribute("data-status", "queued")
    signed_in.wait_for_url(re.compile(r"\?at="))
    slider(signed_in).press("ArrowRight")
    expect(slider(signed_in)).to_have_value("1")
    # The last step of the slider is the present, however long the run.
    slider(signed_in).press("End")
    expect(shown(signed_in)).to_have_attribute("data-status", "failed")
    expect(shown(signed_in)).not_to_have_attribute("data-past", re.compile(".*"))
    signed_in.wait_for_url(re.compile(r"/$"))
    slider(signed_in).press("ArrowLeft")
    expect(shown(signed_in)).to_have_attribute("data-past", re.compile(".+"))


def test_jumps_from_handoff_to_handoff_and_to_a_request_for_approval(signed_in, acme):
    run, steps = stories.of_program(acme, 1)
    for _ in steps:
        pass
    assert run.handoffs.count() == 2
    signed_in.goto(run.get_absolute_url())
    for number in (1, 2, 1):  # after the last follows the first
        signed_in.get_by_role("button", name="Next handoff").click()
        expect(signed_in.locator('#events [data-kind="handoff"]')).to_have_count(number)
    expect(signed_in.get_by_role("button", name="Next approval")).to_be_hidden()
    worked, steps = stories.of_worker(acme, 1)
    for _ in steps:
        pass
    assert worked.approvals.exists()
    signed_in.goto(worked.get_absolute_url())
    signed_in.get_by_role("button", name="Next approval").click()
    expect(signed_in.locator("#notice-approval")).to_be_visible()
    expect(signed_in.locator(".tool-waiting")).to_have_count(1)


def test_jumps_from_a_pause_to_the_resume(signed_in, acme):
    run = acme.start_run()
    TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    for action, paused in (("pause", True), ("resume", False)):
        Control.objects.ask(run, action, by="anna")
        assert report_paused(run, paused)
    run.finish("succeeded")
    signed_in.goto(run.get_absolute_url())
    button = signed_in.get_by_role("button", name="Next control")
    for is_paused in (True, False, True):  # after the last follows the first
        button.press("Enter")
        expect(signed_in.locator("#notice-paused")).to_have_count(int(is_paused))
        expect(shown(signed_in)).to_have_attribute("data-past", re.compile(".+"))
    expect(signed_in.locator('.replay-marks [data-kind="control"]').first).to_be_attached()
    expect(signed_in.get_by_role("button", name="Next error")).to_be_hidden()


def test_a_live_run_goes_on_unseen_until_its_reader_is_back(signed_in, acme, worker_alive):
    run = acme.start_run()
    steps = steps_of(run)
    next(steps)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    expect(signed_in.locator('.run-task[data-status="running"]')).to_have_count(1)
    slider(signed_in).press("Home")
    expect(shown(signed_in)).to_have_attribute("data-status", "queued")
    for _ in steps:
        pass
    run.finish("failed", reason="task_failed")
    expect(signed_in.get_by_role("button", name="To the end")).to_be_visible()
    expect(shown(signed_in)).to_have_attribute("data-status", "queued")
    signed_in.get_by_role("button", name="To the end").click()
    expect(shown(signed_in)).to_have_attribute("data-status", "failed")


def test_a_run_that_ends_while_it_is_read_has_the_scale_of_the_whole(signed_in, acme, worker_alive):
    run = acme.start_run()
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    held = []

    def hold(route) -> None:
        if held:
            route.fallback()
        else:
            held.append((route, route.fetch()))

    signed_in.route("**/recording/", hold)
    slider(signed_in).focus()
    eventually(lambda: signed_in.evaluate("1") and held)
    run.finish("cancelled")
    expect(signed_in.locator("#replay")).to_have_attribute("data-over", "")
    route, answer = held[0]
    assert not answer.json()["is_over"]
    route.fulfill(response=answer)
    expect(signed_in.locator("[data-replay=time]")).to_have_text("End")


def test_a_pruned_run_says_from_where_it_is_known(signed_in, acme):
    run, middle = failed_run(acme, changes=3)
    pruning.prune(older_than=parsed(middle))
    signed_in.goto(run.get_absolute_url())
    note = signed_in.locator("[data-replay=note]")
    expect(note).to_have_text("Earlier events have been deleted: known from here.")
    slider(signed_in).press("Home")
    expect(shown(signed_in)).to_have_attribute("data-past", re.compile(".+"))
    assert shown(signed_in).get_attribute("data-past") >= middle


def test_on_a_phone_all_of_the_scrubber_is_within_reach(chromium, web, client, acme):
    run = reported(
        acme,
        {"type": "agent_start", "agent_id": "a"},
        {"type": "handoff", "from_agent_id": "a", "to_agent_id": "b"},
        {"type": "done", "status": "failed"},
    )
    client.force_login(acme.viewer)
    cookie = client.cookies["sessionid"].value
    context = chromium.new_context(base_url=web.origin, viewport=PHONE, has_touch=True)
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page = context.new_page()
    page.goto(run.get_absolute_url())
    expect(page.locator("[data-replay=time]")).to_have_text("End")
    box = slider(page).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(shown(page)).to_have_attribute("data-past", re.compile(".+"))
    page.get_by_role("button", name="Next handoff").tap()
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    assert page.evaluate(UNREACHABLE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="To the end").tap()
    expect(shown(page)).not_to_have_attribute("data-past", re.compile(".*"))
    context.close()
