"""Reports that are saved together: one order, no hole, and each answers for itself alone."""

import json
import os
import signal
import threading
from collections import defaultdict

import pytest
from celery.signals import worker_init, worker_ready
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from crewops.celery import app
from realtime import log, streams
from runs import report_writer, reports
from runs.models import OutputChunk, Run, StaleAttempt, TaskExecution, ToolExecution
from runs.reports import Ended, OutOfStep
from tests.live import eventually

pytestmark = pytest.mark.usefixtures("worker_alive")


def tools_of(tenant: Tenant, number: int) -> list[ToolExecution]:
    """So many tools at work, each in a run of its own."""
    tools = []
    for _ in range(number):
        run = tenant.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        tools.append(ToolExecution.objects.start(task_execution=task, tool="script", params={}))
    return tools


def as_reports(tools: list[ToolExecution], text: str = "line\n") -> list[reports.Report]:
    return [tool._as_report(None, None, text, None) for tool in tools]


def graph(tenant: Tenant) -> list[dict]:
    stream = streams.graph(tenant.crew.pk)
    return [json.loads(entry.text) for entry in log.read(stream, 0, limit=10_000, size=2**30)]


def progress(tenant: Tenant) -> list[dict]:
    return [event for event in graph(tenant) if event["type"] == "tool_progress"]


class TestTogether:
    def test_reports_are_one_transaction_and_one_append_a_stream(self, acme, globex):
        tools = tools_of(acme, 3) + tools_of(globex, 2)
        with CaptureQueriesContext(connection) as queries:
            assert reports.save_each(as_reports(tools)) == [None] * 5
        assert [query["sql"].split()[0] for query in queries] == [
            "SAVEPOINT",
            "UPDATE",  # of the tools
            "INSERT",  # of the output
            *("INSERT", "INSERT") * 2,  # the head and the events of each crew
            "RELEASE",
        ]

    def test_events_have_the_order_of_the_reports(self, acme):
        tools = tools_of(acme, 4)
        reports.save_each(as_reports(tools[::-1]))
        told = progress(acme)
        assert [event["execution_id"] for event in told] == [str(t.pk) for t in tools[::-1]]
        assert [event["seq"] for event in graph(acme)] == list(range(1, len(graph(acme)) + 1))

    def test_say_what_one_by_one_says(self, acme, globex):
        for tenant, number in ((acme, 1), (globex, 3)):
            tools = tools_of(tenant, number)
            reports.save_each([tool._as_report("half", 0.5, "é\n", 0) for tool in tools])
            for event, tool in zip(progress(tenant), tools, strict=True):
                expected = {"message": "half", "progress": 0.5, "output": "é\n", "tool": "script"}
                expected |= {"agent_id": "orion", "crew_id": str(tenant.crew.pk)}
                expected |= {"run_id": str(tool.task_execution.run_id)}
                assert event.items() >= expected.items()

    def test_two_of_one_tool_come_one_after_the_other(self, acme):
        [tool] = tools_of(acme, 1)
        first = tool._as_report("one", None, "one ", None)
        tool.output_length = 4
        second = tool._as_report("two", None, "two ", None)
        assert reports.save_each([first, second]) == [None, None]
        assert [event["message"] for event in progress(acme)] == ["one", "two"]
        assert tool.output == "one two "

    def test_more_than_one_statement_takes_are_saved(self, acme, monkeypatch):
        monkeypatch.setattr(reports, "BATCH", 2)
        assert reports.save_each(as_reports(tools_of(acme, 5))) == [None] * 5
        assert len(progress(acme)) == 5

    def test_what_says_nothing_new_is_no_event(self, acme):
        tools = tools_of(acme, 2)
        assert reports.save_each(as_reports(tools, "")) == [None, None]
        assert progress(acme) == []


class TestOneIsRefused:
    def test_a_tool_that_has_ended_fails_its_own_report_alone(self, acme):
        tools = tools_of(acme, 3)
        given = as_reports(tools)
        ToolExecution.objects.get(pk=tools[1].pk).end("error")
        errors = reports.save_each(given)
        assert (errors[0], errors[2]) == (None, None)
        assert isinstance(errors[1], Ended)
        assert errors[1].status == "error"
        assert [event["execution_id"] for event in progress(acme)] == [
            str(tools[0].pk), str(tools[2].pk),
        ]  # fmt: skip
        assert not OutputChunk.objects.filter(execution=tools[1]).exists()

    def test_a_run_that_was_taken_away_fails_its_own_report_alone(self, acme):
        tools = tools_of(acme, 3)
        log.begin(log.Attempt(streams.run(tools[1].task_execution.run_id), 2))
        errors = reports.save_each(as_reports(tools))
        assert (errors[0], errors[2]) == (None, None)
        assert isinstance(errors[1], StaleAttempt)
        tools[1].refresh_from_db()
        assert (tools[1].output_length, len(progress(acme))) == (0, 2)

    def test_one_that_expects_another_row_is_told_so(self, acme):
        tools = tools_of(acme, 2)
        given = as_reports(tools)
        ToolExecution.objects.get(pk=tools[0].pk).report(output="by hand")
        errors = reports.save_each(given)
        assert isinstance(errors[0], OutOfStep)
        assert errors[1] is None

    def test_what_a_receiver_cannot_take_fails_its_own_report_alone(self, acme):
        tools = tools_of(acme, 3)

        def refuse(reports, **kwargs) -> None:
            if str(tools[2].pk) in [report.execution_id for report in reports]:
                raise ValueError("not this one")

        reports.saved.connect(refuse)
        try:
            errors = reports.save_each(as_reports(tools))
        finally:
            reports.saved.disconnect(refuse)
        assert errors[:2] == [None, None]
        assert isinstance(errors[2], ValueError)
        assert [event["seq"] for event in graph(acme)] == list(range(1, 6))


@pytest.fixture
def writer(monkeypatch):
    """The writer of a worker, which here is this process."""
    monkeypatch.setattr(report_writer, "_writer", None)
    monkeypatch.setattr(report_writer, "_mine", report_writer._Mine())
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

    def test_many_reporters_at_once_leave_no_hole_and_repeat_nothing(self, acme, globex, writer):
        by_tenant = {tenant: tools_of(tenant, 6) for tenant in (acme, globex)}
        batches = []

        def count(reports, **kwargs) -> None:
            batches.append(len(reports))

        def report(tool: ToolExecution) -> None:
            for number in range(15):
                tool.report(message=str(number), output=f"{number}\n")

        reports.saved.connect(count)
        try:
            both = [tool for tools in by_tenant.values() for tool in tools]
            threads = [threading.Thread(target=report, args=[tool]) for tool in both]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            reports.saved.disconnect(count)
        assert sum(batches) == 12 * 15
        assert max(batches) > 1
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
        with pytest.raises(reports.IllegalMove, match="has ended as error"):
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
            patched.setattr(reports, "_update", _raise_outage)
            with pytest.raises(OperationalError, match="gone for a while"):
                tool.report(output="one ", offset=0)
        tool.report(output="one ", offset=0)
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
        told = [e for e in progress(acme) if e["execution_id"] == str(killed.pk)]
        assert len(told) == ToolExecution.objects.get(pk=killed.pk).output_length
        assert well.output == "well"


def test_a_worker_makes_its_writer_before_it_forks_and_starts_it_afterwards():
    app.loader.import_default_modules()
    for signal_of_celery, receiver in (
        (worker_init, report_writer.make),
        (worker_ready, report_writer.start),
    ):
        assert receiver in [connected() for _, connected in signal_of_celery.receivers]


def _raise_outage(given) -> None:
    raise OperationalError("gone for a while")
