"""What a reader finds who returns from a moment of the past, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from runs.tests.test_large_run import begin
from tests.test_browser_crew import mark, signed_in
from tests.test_browser_replay import failed_run

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OPEN = "cards => cards.map(({ open }) => open)"


def in_the_past(page) -> None:
    expect(page.locator("#run-live[data-past]")).to_have_count(1)


def at_present(page) -> None:
    expect(page.locator("#run-live[data-past]")).to_have_count(0)


@pytest.mark.parametrize("key", ["ArrowLeft", "Home"])
def test_cards_that_the_reader_has_opened_stay_open(signed_in, acme, key):
    run, _ = failed_run(acme)
    signed_in.goto(run.get_absolute_url())
    expect(signed_in.locator("[data-replay=time]")).to_have_text("End")
    cards = signed_in.locator(".tool")
    expect(cards).to_have_count(2)
    signed_in.locator(".tool:not([open]) summary").first.click()
    assert cards.evaluate_all(OPEN) == [True, True]
    signed_in.get_by_label("Moment of the run").press(key)
    in_the_past(signed_in)
    signed_in.get_by_role("button", name="To the end").click()
    at_present(signed_in)
    expect(signed_in.locator(".tool .output-text").first).to_be_visible()
    assert cards.evaluate_all(OPEN) == [True, True]


def test_a_reader_who_does_not_follow_the_run_does_not_after_the_return(signed_in, acme):
    run = acme.start_run()
    begin(run, 0)
    signed_in.goto(run.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    follows = signed_in.locator("#follow-run input")
    follows.uncheck()
    for _ in range(2):
        signed_in.get_by_label("Moment of the run").press("Home")
        in_the_past(signed_in)
        signed_in.get_by_role("button", name="Back to live").click()
        at_present(signed_in)
        expect(follows).not_to_be_checked()


def test_back_and_forward_lead_to_the_moment_of_the_address(signed_in, acme):
    run, _ = failed_run(acme)
    signed_in.goto(run.get_absolute_url())
    expect(signed_in.locator("[data-replay=time]")).to_have_text("End")
    signed_in.locator(".bar-task").first.press("Enter")
    signed_in.wait_for_url(re.compile(r"/#task"))
    signed_in.get_by_label("Moment of the run").press("Home")
    in_the_past(signed_in)
    signed_in.wait_for_url(re.compile(r"\?at=.*#task"))
    signed_in.go_back()
    at_present(signed_in)
    signed_in.wait_for_url(re.compile(r"/$"))
    expect(signed_in.locator("[data-replay=time]")).to_have_text("End")
    signed_in.go_forward()
    in_the_past(signed_in)
    signed_in.wait_for_url(re.compile(r"\?at=.*#task"))


def test_back_leads_the_crew_page_to_the_moment_of_the_run_before(signed_in, acme, worker_alive):
    first, _ = failed_run(acme)
    signed_in.goto(acme.crew.get_absolute_url())
    signed_in.get_by_label("Moment of the run").press("Home")
    signed_in.wait_for_url(re.compile(rf"\?at=.*run={first.pk}$"))
    signed_in.get_by_role("link", name="Skip to content").press("Enter")
    signed_in.wait_for_url(re.compile(r"#content$"))
    signed_in.get_by_role("button", name="To the end").click()
    signed_in.wait_for_url(re.compile(r"/#content$"))
    second = acme.start_run()
    replay = signed_in.locator("#replay")
    expect(replay).to_have_attribute("data-run", str(second.pk))
    signed_in.go_back()
    expect(replay).to_have_attribute("data-run", str(first.pk))
    expect(signed_in.locator("#agents-title")).to_have_text("Agents then")
    expect(signed_in.locator('#graph [data-agent="orion"]')).to_have_attribute("data-state", "idle")
    signed_in.wait_for_url(re.compile(rf"\?at=.*run={first.pk}$"))
