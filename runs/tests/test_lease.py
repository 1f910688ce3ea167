"""A lease is given up in time, and only then."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from runs.execution import lease as lease_module
from runs.execution.lease import Lease, LeaseLost
from runs.models import Run
from tests.live import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(acme, monkeypatch, settings) -> Run:
    monkeypatch.setattr(lease_module, "POLL_S", 0.02)
    settings.RUN_HEARTBEAT_S = 0.05
    return acme.start_run()


def lost(lease: Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False


def renewals(run: Run) -> Callable[[], bool]:
    """Whether the lease has been renewed since this call."""
    before = Run.objects.get(pk=run.pk).lease_until
    return lambda: Run.objects.get(pk=run.pk).lease_until != before


def test_it_is_renewed_while_its_block_lasts(run):
    with Lease(run) as lease:
        eventually(renewals(run))
        assert not lost(lease)
    is_renewed = renewals(run)
    time.sleep(0.3)
    assert not is_renewed()


def test_it_is_renewed_at_once_after_a_jump_of_the_clock(run, monkeypatch, settings):
    """Other processes may see by then that it has expired."""
    settings.RUN_HEARTBEAT_S = 3600.0
    clock = time.time
    with Lease(run) as lease:
        is_renewed = renewals(run)
        time.sleep(0.3)
        assert not is_renewed()
        monkeypatch.setattr(time, "time", lambda: clock() + 100)
        eventually(is_renewed)
        is_renewed = renewals(run)
        time.sleep(0.3)
        assert not is_renewed()  # one jump, one renewal
        assert not lost(lease)


@pytest.mark.parametrize(
    "end",
    [
        lambda run: run.finish("failed", reason="worker_lost"),
        lambda run: QuerySet.update(Run.objects.filter(pk=run.pk), attempt=run.attempt + 1),
        lambda run: Run.objects.filter(pk=run.pk).delete(),
    ],
    ids=["ended", "another attempt", "deleted"],
)
def test_a_run_that_is_not_ours_any_more_is_given_up(run, end):
    with Lease(Run.objects.get(pk=run.pk)) as lease:
        assert not lost(lease)
        end(run)
        eventually(lambda: lost(lease))


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_comes_back_in_time_costs_nothing(run, monkeypatch, caplog, error):
    def fail(*args):
        raise error("gone")

    with Lease(run) as lease:
        with monkeypatch.context() as broken:
            broken.setattr(Lease, "_read_controls", fail)
            eventually(lambda: "the database did not answer (gone)" in caplog.text)
            assert not lost(lease)
        eventually(renewals(run))
        assert not lost(lease)


def test_a_worker_that_could_not_renew_in_time_gives_up_by_its_own_clock(
    run, monkeypatch, settings
):
    settings.RUN_LEASE_S = 0.3
    with Lease(run) as lease:
        eventually(renewals(run))
        time.sleep(0.5)
        assert not lost(lease)  # the control: time alone does no harm
        monkeypatch.setattr(Lease, "_renew_if_due", lambda self: None)
        time.sleep(0.5)
        with pytest.raises(LeaseLost, match="the lease of attempt 1 is gone"):
            lease.check()


@pytest.mark.parametrize("error", [SystemExit, RuntimeError])
def test_a_process_that_is_being_ended_does_not_wait_for_the_database(run, monkeypatch, error):
    asked, answered = threading.Event(), threading.Event()

    def wait(lease: Lease) -> None:
        asked.set()
        answered.wait(1.0)

    monkeypatch.setattr(Lease, "_read_controls", wait)
    lease = Lease(run)
    with pytest.raises(error), lease:
        asked.wait()
        begun = time.monotonic()
        raise error
    waited = time.monotonic() - begun > 0.5
    assert waited == issubclass(error, Exception)  # what fails otherwise ends in good order
    answered.set()
    lease._thread.join()


def test_a_cancelled_run_says_so_and_is_still_held(run):
    with Lease(run) as lease:
        run.cancel()
        eventually(lambda: lease.cancelled)
        assert lease.check() is True
