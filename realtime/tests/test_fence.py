"""The fence: a worker that has lost its run can write nothing more, not even begun writes."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from crews.tracking import InvalidState
from realtime import log, signals
from realtime.log import fences, streams
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from runs.events.kinds import ToolProgress
from runs.models import Run, StaleAttempt, TaskExecution, ToolExecution
from tests.events import sample

pytestmark = pytest.mark.usefixtures("worker_alive")

WAITS_S = 0.5  # a thread that has not come through by then is waiting


class Work:
    """A run as its worker holds it: the instances that know attempt 1."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        self.tool = ToolExecution.objects.start(task_execution=self.task, tool="script", params={})
        self.attempt = log.Attempt(streams.run(run.pk), 1)
        self.graph = streams.graph(run.crew_id)
        self.event = sample(ToolProgress, str(run.crew_id), str(run.pk), message="late")

    def take_away(self) -> None:
        """End the run as the reaper does, which has read it anew."""
        Run.objects.get(pk=self.run.pk).finish("failed", reason="worker_lost")

    def append(self) -> None:
        """An event of the run, written without a row of its own that anybody could have locked."""
        log.append(self.graph, [self.event], by=self.attempt)

    def start_another(self) -> None:
        ToolExecution.objects.create(task_execution=self.task, tool="script")

    def go_on(self) -> None:
        self.tool.message = "late"
        self.tool.save()

    def begin_the_next_task(self) -> None:
        task = self.run.plan["tasks"][1]
        TaskExecution.objects.create(
            run=self.run, task_id=task["task_id"], name="late", agent_id="vega", order=1
        )

    def succeed(self) -> None:
        self.run.status = "succeeded"
        self.run.save(update_fields=["status"])

    def logged(self) -> list[tuple[str, str]]:
        return list(LoggedEvent.objects.order_by("stream", "seq").values_list("type", "body"))

    def has_logged_late(self) -> bool:
        return any("late" in body for _, body in self.logged())


LATE = [Work.start_another, Work.go_on, Work.begin_the_next_task]


@pytest.fixture
def work(acme) -> Work:
    return Work(acme.start_run())


@pytest.mark.parametrize("write", [*LATE, Work.succeed])
def test_a_worker_that_lost_the_run_changes_and_emits_nothing_more(work, write):
    work.take_away()
    before = work.logged()
    with pytest.raises(InvalidState, match=r"taken away|has ended"), transaction.atomic():
        write(work)
    assert work.logged() == before
    work.run.refresh_from_db()
    work.tool.refresh_from_db()
    assert (work.run.status, work.tool.status) == ("failed", "error")
    assert (TaskExecution.objects.count(), ToolExecution.objects.count()) == (1, 1)


@pytest.mark.parametrize("write", LATE)
@pytest.mark.parametrize("fenced", [True, False])
def test_only_the_fence_keeps_a_second_attempt_clean(work, write, fenced, monkeypatch):
    log.begin(log.Attempt(work.attempt.stream, 2))  # and no ``done`` that would close the stream
    before = work.logged()
    if fenced:
        with pytest.raises(StaleAttempt), transaction.atomic():
            write(work)
        assert work.logged() == before
    else:
        monkeypatch.setattr(fences, "allowed", lambda by, complete: ("true", ()))
        write(work)
        assert len(work.logged()) > len(before)


def test_a_run_that_its_own_worker_ends_is_not_taken_away(work):
    work.run.finish("succeeded")
    assert Run.objects.get().attempt == 1
    work.append()  # nobody else has begun


def test_a_fresh_instance_of_the_run_may_write(work):
    Run.objects.get().task_executions.get().tool_executions.get().report(message="by hand")
    assert any("by hand" in body for _, body in work.logged())


def test_an_attempt_that_nobody_began_writes_nothing(work):
    for number in (0, 2):
        with pytest.raises(log.StaleWriter), transaction.atomic():
            log.append(work.graph, [work.event], by=log.Attempt(work.attempt.stream, number))
    with pytest.raises(log.StaleWriter), transaction.atomic():
        log.append(work.graph, [work.event], by=log.Attempt("run:nowhere", 1))
    assert not work.has_logged_late()


def test_the_database_holds_one_done_of_a_stream_at_most(work):
    work.run.finish("succeeded")
    done = LoggedEvent.objects.get(type="done")
    again = LoggedEvent(
        stream_id=done.stream_id, seq=99, type="done", body="", created_at=done.created_at
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_the_fence_costs_no_statement(work):
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        work.tool.report(message="on time")
    # Django notes ``1 times:`` before a statement of `executemany`.
    statements = [query["sql"].split(" times: ")[-1].split()[0] for query in queries]
    # The savepoints are those of transactions within the test's own.
    assert [s for s in statements if s not in ("SAVEPOINT", "RELEASE")] == (
        ["WITH"] if connection.vendor == "postgresql" else ["UPDATE", "INSERT", "INSERT"]
    )


class Writer(threading.Thread):
    """Somebody else with a connection of their own; ``error`` is what became of the write."""

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__()
        self.write = write
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.write()
        except Exception as error:
            self.error = error
        finally:
            connection.close()

    def waits(self) -> bool:
        self.join(WAITS_S)
        return self.is_alive()


def late_while_taken_away(work: Work) -> Writer:
    """A write that begins while the run is being taken away, and goes on when it has been."""
    with transaction.atomic():
        work.take_away()
        late = Writer(work.append)
        assert late.waits()
    late.join()
    return late


@pytest.mark.django_db(transaction=True)
def test_a_write_meets_the_fence_that_is_just_being_raised(work):
    assert isinstance(late_while_taken_away(work).error, log.StaleWriter)
    assert not work.has_logged_late()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guard", ["none", "a look without a lock"])
def test_with_less_than_the_fence_that_write_would_get_in(work, guard, monkeypatch):
    allowed = fences.allowed

    def look(*given):
        condition, who = allowed(*given)
        return condition.replace("FOR SHARE", ""), who

    looked = (lambda *given: ("true", ())) if guard == "none" else look
    monkeypatch.setattr(fences, "allowed", looked)
    error = late_while_taken_away(work).error
    # SQLite lets nobody begin meanwhile, so that a look is enough there.
    gets_in = guard == "none" or connection.vendor == "postgresql"
    assert (error is None) == work.has_logged_late() == gets_in


@pytest.mark.django_db(transaction=True)
def test_a_write_that_is_under_way_comes_before_the_run_is_taken_away(work):
    with transaction.atomic():
        work.append()
        reaper = Writer(work.take_away)
        assert reaper.waits()
    reaper.join()
    assert reaper.error is None
    types = [type for type, body in work.logged() if str(work.run.crew_id) in body]
    assert types.index("tool_progress") < types.index("tool_end")
    assert Run.objects.get().status == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_report_and_the_reaper_do_not_lock_each_other_out(work):
    """The report holds its tool's row and wants the fence; the reaper must not hold it by then."""
    with transaction.atomic():
        ToolExecution.objects.select_for_update().get(pk=work.tool.pk)
        reaper = Writer(work.take_away)
        assert reaper.waits()
        work.tool.report(message="on time")
    reaper.join()
    assert reaper.error is None
    assert [type for type, _ in work.logged()].count("done") == 1


@pytest.mark.django_db(transaction=True)
def test_a_report_that_waits_for_the_fence_holds_its_tool_and_no_stream(work):
    """The one statement of a report takes its locks in the order of docs/architecture.md."""
    with transaction.atomic():
        log.begin(log.Attempt(work.attempt.stream, 2))
        report = Writer(lambda: work.tool.report(message="on time"))
        assert report.waits()
        if connection.features.has_select_for_update_skip_locked:
            free = [
                rows.select_for_update(skip_locked=True).filter(pk=pk).exists()
                for rows, pk in (
                    (ToolExecution.objects, work.tool.pk),
                    (Stream.objects, work.graph),
                )
            ]
            assert free == [False, True]
        transaction.set_rollback(True)
    report.join()
    assert report.error is None
    assert any("on time" in body for _, body in work.logged())


def test_the_receivers_name_the_attempt(work, monkeypatch):
    named = []
    append = log.append_all

    def name(events, *, by, after):
        named.extend((stream.partition(":")[0], *by) for stream in events)
        return append(events, by=by, after=after)

    monkeypatch.setattr(signals.log, "append_all", name)
    work.tool.report(message="on time")
    work.run.finish("succeeded")
    assert {tuple(by) for stream, *by in named if stream != "mission"} == {(work.attempt,)}
