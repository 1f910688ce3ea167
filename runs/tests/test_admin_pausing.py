"""Runs are paused and resumed in the admin."""

import pytest

from runs.tests.test_admin import SUBMIT, staff, told
from tests.admin import url

__all__ = ["staff"]


def test_a_run_is_paused_and_resumed(acme, staff):
    run = acme.start_run()
    page = url("runs_run_change", run.pk)
    pause, unpause = (url(f"runs_run_{view}", run.pk) for view in ("pause", "unpause"))
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (True, False)
    assert "not paused" in told(staff["operator"].post(unpause, SUBMIT))
    assert "Pause this run?" in staff["operator"].get(pause).content.decode()
    run.refresh_from_db()
    assert not run.pause_requested
    assert "Pause of run" in told(staff["operator"].post(pause, SUBMIT))
    run.refresh_from_db()
    assert run.pause_requested
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (False, True)
    assert "Resume of run" in told(staff["operator"].post(unpause, SUBMIT))
    run.refresh_from_db()
    assert not run.pause_requested
    run.finish("succeeded")
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (False, False)
    assert "has ended" in told(staff["operator"].post(pause, SUBMIT))


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
@pytest.mark.parametrize("view", ["pause", "unpause"])
def test_pausing_is_refused_to_those_who_may_not(acme, staff, person, view):
    run = acme.start_run()
    assert staff[person].post(url(f"runs_run_{view}", run.pk), SUBMIT).status_code == 403
    assert not run.controls.exists()
