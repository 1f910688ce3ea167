"""The run page: its buttons for controls, and what it shows of them."""

import pytest

from runs.execution import controls
from runs.models import Control, Run
from runs.models.control import report_paused
from runs.pages.event_pages import EVENTS_AT_ONCE
from runs.tests.reporting.conftest import program, run_of  # noqa: F401  fixtures
from runs.tests.reporting.test_controls import BOOT, boot, event  # noqa: F401  a fixture
from runs.tests.scene import client_of, page_of, work
from runs.tests.test_event_pages import pages
from runs.tests.test_large_run import large_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(acme) -> Run:
    run = acme.start_run()
    work(run)
    return run


def send(user, run: Run, action: str, **data: str):
    return client_of(user).post(f"/runs/{run.pk}/controls/", {"action": action} | data, follow=True)


def test_a_pause_is_shown_as_it_comes_true(acme, run):
    shown = send(acme.operator, run, "pause").content.decode()
    assert 'id="notice-pausing"' in shown
    assert "<small>not yet</small>" in shown
    assert 'value="resume"' in shown
    assert "<b>acme-operator</b> <bdi>asks the run to pause" in shown
    report_paused(run, True)
    shown = page_of(acme.viewer, run)
    assert 'id="notice-paused"' in shown
    assert 'data-status="paused"' in shown
    assert "The run is paused" in shown
    send(acme.operator, run, "resume")
    report_paused(run, False)
    shown = page_of(acme.operator, run)
    assert "notice-pause" not in shown
    assert 'value="pause"' in shown


def test_a_cancelled_run_is_not_shown_as_paused(acme, run):
    send(acme.operator, run, "pause")
    report_paused(run, True)
    send(acme.operator, run, "cancel")
    run.finish("cancelled", reason="cancelled")
    shown = page_of(acme.operator, run)
    assert 'id="notice-cancelled"' in shown
    assert "notice-pause" not in shown


def test_who_may_only_watch_has_no_buttons_and_a_guest_does_not_see_who_asked(acme, run):
    controls.ask(run, "pause")
    run.share(True)
    for user in (acme.viewer, None):
        assert f"/runs/{run.pk}/controls/" not in page_of(user, run)
    send(acme.operator, run, "resume")
    assert "acme-operator" in page_of(acme.viewer, run)
    assert "acme-operator" not in page_of(None, run)
    assert "Somebody</b> <bdi>asks the run to resume" in page_of(None, run)


@pytest.mark.parametrize(("person", "status"), [("viewer", 403), ("outsider", 404)])
def test_nobody_else_controls_a_run(people, run, person, status):
    assert send(people[person], run, "pause").status_code == status
    assert not Control.objects.exists()


@pytest.mark.parametrize("data", [{"action": "explode"}, {"action": "message", "text": " "}, {}])
def test_a_form_that_is_none_is_refused_with_the_reason(acme, run, data):
    response = client_of(acme.operator).post(f"/runs/{run.pk}/controls/", data, follow=True)
    assert [*response.context["messages"]]
    assert not Control.objects.exists()


def test_a_refusal_is_said(acme, run):
    response = send(acme.operator, run, "message", text="faster")
    assert "read no messages" in str(next(iter(response.context["messages"])))
    run.finish("succeeded")
    response = send(acme.operator, run, "pause")
    assert "has ended" in str(next(iter(response.context["messages"])))


def test_buttons_are_those_of_what_the_program_takes(acme, boot):  # noqa: F811
    _, run = boot(controls=[])
    shown = page_of(acme.operator, run)
    for part in ("message-button", "pause-form", "cancel-form"):
        assert part not in shown
    send(acme.operator, run, "cancel")
    assert Control.objects.get().status == "refused"


def test_a_message_is_shown_with_its_text(acme, program, boot):  # noqa: F811
    _, run = boot(controls=["cancel", "pause", "message"])
    assert "message-button" in page_of(acme.operator, run)
    send(acme.operator, run, "message", text="be <b>quick</b>")
    shown = page_of(acme.viewer, run)
    assert "be &lt;b&gt;quick&lt;/b&gt;" in shown
    program.send(
        event("control_applied", "1", control_id=str(Control.objects.get().pk), status="applied")
    )
    assert "The program has read the message" in page_of(acme.viewer, run)


def test_the_events_of_a_large_run_have_each_of_them_once(acme):
    run = large_run(acme, tasks=40)
    for number in range(EVENTS_AT_ONCE):
        controls.ask(run, "message", f"{number}")
    controls.ask(run, "pause")
    types = [entry.type for page in pages(run) for entry in page]
    assert types.count("control_requested") == EVENTS_AT_ONCE + 1
    assert types.count("control_applied") == EVENTS_AT_ONCE
    assert "asks the run to pause" in page_of(acme.viewer, run)
