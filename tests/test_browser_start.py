"""The button that starts a run on the crew page, in a real browser."""

import pytest
from playwright.sync_api import expect

from runs.models import Run, Worker
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_keyboard_stays_at_the_button_that_has_started_a_run(signed_in, acme, worker_alive):
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    button = signed_in.get_by_role("button", name="Start run")
    button.press("Enter")
    expect(signed_in.locator("#runs .run-row")).to_have_count(1)
    expect(button).to_be_focused()


def test_the_notice_of_a_refusal_goes_when_a_run_has_started(signed_in, acme, worker_alive):
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    # An update would disable the button: the crew is inactive, later it has no worker.
    signed_in.route("**/crews/*/", without_updates)
    Worker.objects.all().delete()
    acme.crew.is_active = False
    acme.crew.save()
    button = signed_in.locator("#start button")
    button.click()
    notices = signed_in.locator("#notices > .alert")
    expect(notices).to_have_count(1)
    banner = signed_in.locator("#worker-banner .alert")
    expect(banner).to_have_count(1)
    acme.crew.is_active = True
    acme.crew.save()
    button.click()
    expect(notices).to_have_count(0)
    expect(banner).to_have_count(1)
    assert Run.objects.unscoped().filter(crew=acme.crew).count() == 1


def without_updates(route):
    if "x-fragment" in route.request.headers:
        route.abort()
    else:
        route.continue_()
