"""Reports saved in one batch: order, no gap, and an error only for the report that caused it."""

import json

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from realtime import log, signals
from realtime.log import streams
from runs.events.kinds import Done
from runs.models import (
    OutputChunk,
    Run,
    StaleAttempt,
    TaskExecution,
    ToolExecution,
    report_queryset,
)
from runs.models.report import Ended, Report, RowChanged
from tests.events import sample

pytestmark = pytest.mark.usefixtures("worker_alive")


def tools_of(tenant: Tenant, number: int) -> list[ToolExecution]:
    """So many tools at work, each in a run of its own."""
    tools = []
    for _ in range(number):
        run = tenant.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        tools.append(ToolExecution.objects.start(task_execution=task, tool="script", params={}))
    return tools


def as_reports(tools: list[ToolExecution], text: str = "line\n") -> list[Report]:
    return [tool._as_report(None, None, text, None) for tool in tools]


def graph(tenant: Tenant) -> list[dict]:
    stream = streams.graph(tenant.crew.pk)
    return [json.loads(entry.text) for entry in log.read(stream, 0, limit=10_000, size=2**30)]


def progress(tenant: Tenant) -> list[dict]:
    return [event for event in graph(tenant) if event["type"] == "tool_progress"]


class TestTogether:
    def test_reports_are_one_transaction_and_on_postgresql_one_statement(self, acme, globex):
        tools = tools_of(acme, 3) + tools_of(globex, 2)
        with CaptureQueriesContext(connection) as queries:
            assert ToolExecution.objects.save_each_report(as_reports(tools)) == [None] * 5
        in_turn = [
            "UPDATE",  # of the tools
            "INSERT",  # of the output
            "INSERT",  # of the heads
            "INSERT",  # of the events
        ]
        # Django notes ``5 times:`` before a statement of `executemany`.
        assert [query["sql"].split(" times: ")[-1].split()[0] for query in queries] == [
            "SAVEPOINT",
            *(["WITH"] if connection.vendor == "postgresql" else in_turn),
            "RELEASE",
        ]

    def test_events_have_the_order_of_the_reports(self, acme):
        tools = tools_of(acme, 4)
        ToolExecution.objects.save_each_report(as_reports(tools[::-1]))
        events = progress(acme)
        assert [event["execution_id"] for event in events] == [str(t.pk) for t in tools[::-1]]
        assert [event["seq"] for event in graph(acme)] == list(range(1, len(graph(acme)) + 1))

    def test_say_what_one_by_one_says(self, acme, globex):
        for tenant, number in ((acme, 1), (globex, 3)):
            tools = tools_of(tenant, number)
            ToolExecution.objects.save_each_report(
                [tool._as_report("half", 0.5, "é\n", 0) for tool in tools]
            )
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
        assert ToolExecution.objects.save_each_report([first, second]) == [None, None]
        assert [event["message"] for event in progress(acme)] == ["one", "two"]
        assert tool.output == "one two "

    def test_more_than_one_statement_takes_are_saved(self, acme, monkeypatch):
        monkeypatch.setattr(report_queryset, "BATCH", 2)
        assert ToolExecution.objects.save_each_report(as_reports(tools_of(acme, 5))) == [None] * 5
        assert len(progress(acme)) == 5

    def test_what_says_nothing_new_is_no_event(self, acme):
        tools = tools_of(acme, 2)
        assert ToolExecution.objects.save_each_report(as_reports(tools, "")) == [None, None]
        assert progress(acme) == []


class TestOneIsRefused:
    def test_a_tool_that_has_ended_fails_its_own_report_alone(self, acme):
        tools = tools_of(acme, 3)
        given = as_reports(tools)
        ToolExecution.objects.get(pk=tools[1].pk).end("error")
        errors = ToolExecution.objects.save_each_report(given)
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
        errors = ToolExecution.objects.save_each_report(as_reports(tools))
        assert (errors[0], errors[2]) == (None, None)
        assert isinstance(errors[1], StaleAttempt)
        tools[1].refresh_from_db()
        assert (tools[1].output_length, len(progress(acme))) == (0, 2)

    def test_one_that_expects_another_row_gets_an_error(self, acme):
        tools = tools_of(acme, 2)
        given = as_reports(tools)
        ToolExecution.objects.get(pk=tools[0].pk).report(output="by hand")
        errors = ToolExecution.objects.save_each_report(given)
        assert isinstance(errors[0], RowChanged)
        assert errors[1] is None

    def test_what_cannot_be_recorded_fails_its_own_report_alone(self, acme, monkeypatch):
        tools = tools_of(acme, 3)

        def refuse(reports, writes) -> None:
            if str(tools[2].pk) in [report.execution_id for report in reports]:
                raise ValueError("not this one")
            signals.record(reports, writes)

        monkeypatch.setattr(report_queryset, "_record", refuse)
        errors = ToolExecution.objects.save_each_report(as_reports(tools))
        assert errors[:2] == [None, None]
        assert isinstance(errors[2], ValueError)
        assert [event["seq"] for event in graph(acme)] == list(range(1, 6))


class Refusals:
    """What makes the second of three tools take no report; each is another guard."""

    def ended(tool: ToolExecution) -> None:
        ToolExecution.objects.get(pk=tool.pk).end("error")

    def row_changed(tool: ToolExecution) -> None:
        ToolExecution.objects.get(pk=tool.pk).report(output="by hand")

    def taken_away(tool: ToolExecution) -> None:
        log.begin(log.Attempt(streams.run(tool.task_execution.run_id), 2))

    def output_there(tool: ToolExecution) -> None:
        OutputChunk.objects.create(execution=tool, offset=0, text="there")

    def deleted(tool: ToolExecution) -> None:
        Run.objects.get(pk=tool.task_execution.run_id).delete()


REFUSALS = {
    Refusals.ended: Ended,
    Refusals.row_changed: RowChanged,
    Refusals.taken_away: StaleAttempt,
    Refusals.output_there: IntegrityError,
    Refusals.deleted: Ended,
}


@pytest.mark.django_db(transaction=True)
class TestOutsideATransaction:
    """There one statement is everything on PostgreSQL, and nobody can roll it back."""

    def test_a_report_is_one_round_trip_to_postgresql(self, acme):
        [tool] = tools_of(acme, 1)
        with CaptureQueriesContext(connection) as queries:
            tool.report(message="half", output="out")
        if connection.vendor == "postgresql":
            assert [query["sql"].split()[0] for query in queries] == ["WITH"]
        assert [event["output"] for event in progress(acme)] == ["out"]

    @pytest.mark.parametrize("refuse", REFUSALS, ids=lambda refuse: refuse.__name__)
    def test_if_one_report_is_refused_nothing_of_the_batch_is_written(self, acme, globex, refuse):
        tools = tools_of(acme, 2) + tools_of(globex, 1)
        given = as_reports(tools)
        refuse(tools[1])
        before = [graph(acme), graph(globex), OutputChunk.objects.count()]
        with pytest.raises(REFUSALS[refuse]):
            ToolExecution.objects.save_reports(given)
        assert [graph(acme), graph(globex), OutputChunk.objects.count()] == before
        lengths = ToolExecution.objects.filter(pk__in=[tools[0].pk, tools[2].pk])
        assert set(lengths.values_list("output_length", flat=True)) == {0}
        errors = ToolExecution.objects.save_each_report(given)
        assert [errors[0], errors[2]] == [None, None]
        assert type(errors[1]) is REFUSALS[refuse]
        assert [event["seq"] for event in graph(acme)] == list(range(1, len(graph(acme)) + 1))

    def test_a_closed_stream_takes_nothing(self, acme):
        [tool] = tools_of(acme, 1)
        log.append(streams.graph(acme.crew.pk), [sample(Done)])
        with pytest.raises(log.StreamClosed):
            tool.report(output="out")
        assert not OutputChunk.objects.exists()
        tool.refresh_from_db()
        assert tool.output_length == 0
