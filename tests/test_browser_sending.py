"""A form that is being sent while the page is brought up to date, in a real browser."""

import pytest
from playwright.sync_api import expect

from runs.execution import controls
from runs.models.control import report_paused
from runs.tests.scene import work
from tests.test_browser_crew import mark, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SENDING_MS = 60_000  # after which a form can be sent again
# The page waits for the answer to a form for ever. After the page's own listeners.
NO_ANSWER = "addEventListener('submit', (event) => event.preventDefault())"
COME_BACK = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


@pytest.fixture
def waiting(signed_in):
    """A page whose forms get no answer."""
    signed_in.add_init_script(NO_ANSWER)
    return signed_in


def test_a_crew_that_is_being_started_keeps_its_key_and_its_busy_button(
    waiting, acme, worker_alive
):
    waiting.goto("/")
    expect(mark(waiting)).to_have_attribute("data-state", "live")
    start = waiting.get_by_role("button", name="Start a run of")
    key = waiting.locator(f"#crew-{acme.crew.pk} [name=idempotency_key]")
    value = key.input_value()
    start.click()
    expect(start).to_be_disabled()
    run = acme.start_run()
    expect(waiting.locator(f"#run-{run.pk}")).to_be_visible()
    assert start.is_disabled()
    assert key.input_value() == value
    # Back from the run, it is a form like any other: it can be sent, and gets a new key.
    waiting.evaluate(COME_BACK)
    expect(start).to_be_enabled()
    run.finish("cancelled")
    expect(key).not_to_have_value(value)


def test_a_run_that_is_being_paused_gets_no_other_button_there(waiting, acme):
    run = acme.start_run()
    work(run)
    waiting.goto(run.get_absolute_url())
    expect(mark(waiting)).to_have_attribute("data-state", "live")
    button = waiting.locator("#pause-form button")
    button.click()
    expect(button).to_be_disabled()
    controls.ask(run, "pause")
    report_paused(run, True)
    expect(waiting.locator("#notice-paused")).to_be_visible()
    assert button.is_disabled()
    assert "Pause" in button.inner_text()


def test_a_form_that_has_got_no_answer_can_be_sent_again(waiting, acme):
    run = acme.start_run()
    waiting.clock.install()
    waiting.goto(run.get_absolute_url())
    button = waiting.locator("#pause-form button")
    button.click()
    waiting.clock.run_for(SENDING_MS / 2)
    expect(button).to_be_disabled()
    waiting.clock.run_for(SENDING_MS)
    expect(button).to_be_enabled()
