"""A database that is away for a while costs a run time and nothing else."""

import json
import time

import pytest
from django.db import InternalError, OperationalError, connection, transaction
from django.utils import timezone

from realtime.models import Event
from runs.execution import faults, reaper
from runs.execution.emitter import ToolEventEmitter
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import TaskExecution, ToolExecution
from runs.tools import Outcome, Status


class Away:
    """Stands before a verb: does it, and loses the connection before the answer so many times."""

    def __init__(self, monkeypatch, owner: type, name: str, times: int = 2) -> None:
        self.calls = 0
        verb = getattr(owner, name)

        def lossy(*args, **kwargs):
            self.calls += 1
            done = verb(*args, **kwargs)
            if self.calls <= times:
                connection.close()
                raise OperationalError("server closed the connection unexpectedly")
            return done

        monkeypatch.setattr(owner, name, lossy)


@pytest.fixture
def task_execution(transactional_db, acme) -> TaskExecution:
    run = acme.start_run()
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


@pytest.mark.parametrize(
    ("owner", "verb"),
    [
        (type(ToolExecution.objects.all()), "start"),
        (ToolExecution, "report"),
        (ToolExecution, "end"),
    ],
)
def test_a_tool_whose_every_word_was_stored_and_never_answered(
    task_execution, monkeypatch, owner, verb
):
    manager = ToolExecution._default_manager
    away = Away(monkeypatch, type(manager) if verb == "start" else owner, verb)
    emitter = ToolEventEmitter(task_execution, cancelled=lambda: False)
    emitter.start("script", {})
    emitter.progress(output="once é ", message="working", progress=0.5)
    emitter.end(Outcome(Status.SUCCESS, 0))
    assert away.calls > 2
    tool = ToolExecution.objects.get()
    assert (tool.status, tool.output, tool.progress) == ("success", "once é ", 0.5)
    start, *reports, end = events_of(task_execution)
    assert (start["type"], end["type"]) == ("tool_start", "tool_end")
    assert {report["type"] for report in reports} == {"tool_progress"}
    assert "".join(report.get("output", "") for report in reports) == "once é "


def events_of(task_execution: TaskExecution) -> list[dict]:
    stream = f"graph:{task_execution.run.crew_id}"
    rows = Event.objects.filter(stream=stream).order_by("seq")
    return [json.loads(body) for body in rows.values_list("body", flat=True)]


def test_a_task_that_has_begun_is_not_begun_again(task_execution):
    run = task_execution.run
    again = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    assert again == task_execution


def test_after_a_lease_it_gives_up(transactional_db, settings, caplog):
    settings.RUN_LEASE_S = 0.5
    calls = []

    def fail() -> None:
        calls.append(1)
        raise OperationalError("the database system is starting up")

    with pytest.raises(OperationalError):
        retry_on_outage(fail)
    assert len(calls) > 1
    assert "asking again in 0.1 s: the database system is starting up" in caplog.text


def test_inside_a_transaction_nothing_is_repeated(transactional_db):
    calls = []

    def fail() -> None:
        calls.append(1)
        raise OperationalError("deadlock detected")

    with pytest.raises(OperationalError), transaction.atomic():
        retry_on_outage(fail)
    assert len(calls) == 1


def test_a_session_that_postgresql_ended_as_it_stood_still_is_an_outage(transactional_db):
    calls = []

    def stand_still() -> None:
        calls.append(1)
        with transaction.atomic(), connection.cursor() as cursor:
            if len(calls) == 1 and connection.vendor == "postgresql":
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
                time.sleep(0.3)
            elif len(calls) == 1:
                raise InternalError from StoodStill()
            cursor.execute("SELECT 1")

    retry_on_outage(stand_still)
    assert len(calls) == 2


class StoodStill(Exception):
    sqlstate = "25P03"


def test_an_outage_longer_than_a_lease_loses_the_run(transactional_db, acme, settings):
    settings.RUN_LEASE_S = 0.2
    run = acme.start_run()
    with faults.handled(run):
        raise OperationalError("the database system is starting up")
    run.refresh_from_db()
    assert run.status == "running"
    run.lease_until = timezone.now()
    run.save(update_fields=["lease_until"])
    reaper.sweep()
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "worker_lost")


def test_other_errors_are_not_repeated(transactional_db):
    calls = []

    def fail() -> None:
        calls.append(1)
        raise ValueError("no fault of the database")

    with pytest.raises(ValueError, match="no fault"):
        retry_on_outage(fail)
    assert len(calls) == 1
