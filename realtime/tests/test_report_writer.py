"""The worker's writer of reports: processes send their reports to one thread, which saves them."""

import os
import signal
import threading
from collections import defaultdict

import pytest
from celery.signals import worker_init, worker_ready
from django.db import InternalError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from crewops.celery import app
from realtime import log, signals
from realtime.log import streams
from realtime.tests.test_reports import graph, progress, tools_of
from runs.execution import report_writer
from runs.models import (
    InvalidState,
    Run,
    StaleAttempt,
    ToolExecution,
    report_queryset,
)
from tests.live import eventually

pytestmark = pytest.mark.usefixtures("worker_alive")


@pytest.fixture
def recorded(monkeypatch) -> list[int]:
    """How many reports were in each batch."""
    batches = []
    monkeypatch.setattr(
        report_queryset,
        "_record",
        lambda reports, writes: batches.append(len(reports)) or signals.record(reports, writes),
    )
    return batches


@pytest.fixture
def writer(monkeypatch):
    """The writer of a worker, which here is this process."""
    monkeypatch.setattr(report_writer, "_writer", None)
    monkeypatch.setattr(report_writer, "_thread_connection", report_writer._ThreadConnection())
    report_writer.make()
    report_writer.start()
    yield report_writer._writer
    report_writer._writer.stop()


@pytest.mark.django_db(transaction=True)
class TestWriter:
    def test_a_report_that_has_returned_is_committed(self, acme, writer):
        [tool] = tools_of(acme, 1)
        tool.report(message="half", progress=0.5, output="one ")
        with CaptureQueriesContext(connection) as queries:
            tool.report(output="two ")
        assert not queries.captured_queries  # of this connection: the writer has its own
        assert ToolExecution.objects.get(pk=tool.pk).output == "one two "
        assert [event["output"] for event in progress(acme)] == ["one ", "two "]

    def test_many_reporters_at_once_leave_no_hole_and_repeat_nothing(
        self, acme, globex, writer, recorded
    ):
        by_tenant = {tenant: tools_of(tenant, 6) for tenant in (acme, globex)}

        def report(tool: ToolExecution) -> None:
            for number in range(15):
                tool.report(message=str(number), output=f"{number}\n")

        both = [tool for tools in by_tenant.values() for tool in tools]
        threads = [threading.Thread(target=report, args=[tool]) for tool in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(recorded) == 12 * 15
        assert max(recorded) > 1
        for tenant, tools in by_tenant.items():
            seqs = [event["seq"] for event in graph(tenant)]
            assert seqs == list(range(1, len(seqs) + 1))
            said = defaultdict(list)
            for event in progress(tenant):
                said[event["execution_id"]].append(event["message"])
            expected = [str(number) for number in range(15)]
            assert said == {str(tool.pk): expected for tool in tools}
            assert {tool.output for tool in tools} == {"".join(f"{n}\n" for n in range(15))}

    def test_who_lost_the_run_learns_it(self, acme, writer):
        ended, stale, well = tools_of(acme, 3)
        Run.objects.get(pk=ended.task_execution.run_id).finish("failed", reason="worker_lost")
        log.begin(log.Attempt(streams.run(stale.task_execution.run_id), 2))
        with pytest.raises(InvalidState, match="has ended as error"):
            ended.report(output="late")
        with pytest.raises(StaleAttempt, match="taken away"):
            stale.report(output="late")
        well.report(output="on time")
        assert [event["output"] for event in progress(acme)] == ["on time"]

    def test_a_database_that_does_not_answer_is_an_outage_for_the_reporter(
        self, acme, writer, monkeypatch
    ):
        [tool] = tools_of(acme, 1)
        with monkeypatch.context() as patched:
            patched.setattr(report_queryset, "_update", _raise_outage)
            with pytest.raises(OperationalError, match="gone for a while"):
                tool.report(output="one ", offset=0)
        tool.report(output="one ", offset=0)
        assert tool.output == "one "

    def test_a_server_that_accepts_no_writes_is_an_outage_and_its_connection_is_closed(
        self, acme, writer, monkeypatch
    ):
        [tool] = tools_of(acme, 1)
        tool.report(output="one ", offset=0)
        connections = []

        def refuse_first(reports, writes):
            connection.ensure_connection()
            connections.append(connection.connection)
            if len(connections) == 1:
                raise InternalError("cannot execute UPDATE") from ReadOnly()
            signals.record(reports, writes)

        monkeypatch.setattr(report_queryset, "_record", refuse_first)
        with pytest.raises(OperationalError, match="cannot execute UPDATE"):
            tool.report(output="two ", offset=4)
        tool.report(output="two ", offset=4)
        refused, used = connections
        assert refused is not used
        assert tool.output == "one two "

    def test_a_process_forked_before_the_writer_ended_saves_its_reports_itself(self, acme, writer):
        [tool] = tools_of(acme, 1)
        to_child, from_parent = os.pipe()
        connection.close()
        if not (pid := os.fork()):
            try:
                os.read(to_child, 1)  # the writer has ended now
                tool.report(output="one ")
                os._exit(0)
            finally:
                os._exit(1)
        writer.stop()
        os.write(from_parent, b".")
        assert os.waitpid(pid, 0)[1] == 0
        assert tool.output == "one "

    def test_a_writer_that_ends_breaks_the_connection_and_the_report_is_saved_here(
        self, acme, writer, monkeypatch
    ):
        [tool] = tools_of(acme, 1)
        tool.report(output="one ", offset=0)
        writer.stop()
        with pytest.raises(OperationalError, match="has ended"):
            tool.report(output="two ", offset=4)
        tool.report(output="two ", offset=4)
        assert tool.output == "one two "

    def test_a_writer_that_hangs_gives_the_run_up(self, acme, writer, settings):
        [tool] = tools_of(acme, 1)
        settings.RUN_LEASE_S = 0.2
        with (
            writer._between_batches,
            pytest.raises(report_writer.WriterHangs, match="No report was saved"),
        ):
            tool.report(output="one ")

    def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
        self, acme, writer, recorded, settings
    ):
        lost, well = tools_of(acme, 2)
        with writer._between_batches:
            Run.objects.get(pk=lost.task_execution.run_id).finish("failed", reason="worker_lost")
            settings.RUN_LEASE_S = 0.2
            with pytest.raises(report_writer.WriterHangs):
                lost.report(output="late")
        settings.RUN_LEASE_S = 30.0
        eventually(lambda: recorded)  # the writer has tried the late report
        well.report(output="on time")
        assert [event["output"] for event in progress(acme)] == ["on time"]

    def test_what_is_part_of_a_transaction_or_very_large_is_saved_here(self, acme, writer):
        [tool] = tools_of(acme, 1)
        with transaction.atomic():
            tool.report(output="one ")
            transaction.set_rollback(True)
        tool.report(output="x" * report_writer.LARGEST)
        assert tool.output == "x" * report_writer.LARGEST

    def test_a_process_that_is_killed_fails_no_other(self, acme, writer):
        killed, well = tools_of(acme, 2)
        pid = os.fork()
        if not pid:
            try:
                while True:
                    killed.report(output=".")
            finally:
                os._exit(1)
        eventually(lambda: ToolExecution.objects.get(pk=killed.pk).output_length > 3)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        well.report(output="well")
        events = [e for e in progress(acme) if e["execution_id"] == str(killed.pk)]
        assert len(events) == ToolExecution.objects.get(pk=killed.pk).output_length
        assert well.output == "well"


def test_a_worker_makes_its_writer_before_it_forks_and_starts_it_afterwards():
    app.loader.import_default_modules()
    for signal_of_celery, receiver in (
        (worker_init, report_writer.make),
        (worker_ready, report_writer.start),
    ):
        assert receiver in [connected() for _, connected in signal_of_celery.receivers]


class ReadOnly(Exception):
    sqlstate = "25006"


def _raise_outage(model, reports) -> None:
    raise OperationalError("gone for a while")
