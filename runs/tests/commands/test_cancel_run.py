"""The command cancel_run: what it asks, what it waits for, what it refuses."""

import pytest
from django.core.management import CommandError

from runs.models import Run, ToolExecution
from runs.tests.commands.calling import fail, run
from tests.live import eventually


def test_a_run_that_waits_is_cancelled_at_once(acme):
    waiting = Run.objects.create(crew=acme.crew)
    out, _ = run("cancel_run", waiting.pk)
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    assert out == f"Run {waiting.pk} has ended: cancelled.\n"


def test_the_worker_of_a_running_run_is_asked_to_stop(acme):
    held = acme.start_run()
    out, _ = run("cancel_run", held.pk)
    held.refresh_from_db()
    assert (held.status, held.cancel_requested) == ("running", True)
    assert "its worker stops within seconds" in out


def test_cancelling_can_be_waited_for(acme, worker):
    fail(acme.crew, "trap '' TERM; while :; do sleep 1; done")
    at_work = Run.objects.request(crew=acme.crew)
    eventually(ToolExecution.objects.filter(status="running").exists)
    out, _ = run("cancel_run", at_work.pk, "--wait")
    assert out.splitlines()[-1] == f"Run {at_work.pk} has ended: cancelled."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nix", "'nix' is no id of a run"),
        ("0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c", "There is no run 0b3c4d74"),
    ],
)
def test_what_is_no_run_is_refused(db, name, message):
    with pytest.raises(CommandError, match=message):
        run("cancel_run", name)


def test_a_run_that_is_over_keeps_its_ending(acme):
    over = acme.start_run()
    over.finish("succeeded")
    with pytest.raises(CommandError, match="has ended already: succeeded"):
        run("cancel_run", over.pk)
    over.refresh_from_db()
    assert over.status == "succeeded"
