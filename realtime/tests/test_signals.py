"""Each saved change emits exactly one correct event; a rollback emits none."""

import json

import pytest
from django.db import transaction

from realtime.models import Event
from runs.models import Run, TaskExecution, ToolExecution


def events(stream: str) -> list[dict]:
    return [json.loads(event.body) for event in Event.objects.filter(stream_id=stream)]


@pytest.fixture
def run(acme, worker_alive):
    return acme.start_run()


@pytest.fixture
def task(run):
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


@pytest.fixture
def graph(run):
    return f"graph:{run.crew_id}"


def test_creating_a_tool_execution_emits_one_start(task, graph):
    execution = ToolExecution.objects.create(task_execution=task, tool="script", params={"n": 1})
    (event,) = events(graph)
    assert event["type"] == "tool_start"
    assert event["execution_id"] == str(execution.pk)
    assert event["params"] == {"n": 1}
    assert event["agent_id"] == "orion"
    assert event["seq"] == 1


def test_saving_progress_emits_one_event_and_saving_again_none(task, graph):
    execution = ToolExecution.objects.create(task_execution=task, tool="script")
    execution.progress = 0.5
    execution.save()
    execution.save()
    assert [event["type"] for event in events(graph)] == ["tool_start", "tool_progress"]
    assert events(graph)[-1]["progress"] == 0.5


def test_a_field_left_out_of_update_fields_is_emitted_when_it_is_saved(task, graph):
    execution = ToolExecution.objects.create(task_execution=task, tool="script")
    execution.progress, execution.message = 0.5, "half"
    execution.save(update_fields=["status"])
    assert len(events(graph)) == 1
    execution.save(update_fields=["progress", "message"])
    assert [event["type"] for event in events(graph)] == ["tool_start", "tool_progress"]


def test_ending_emits_one_end_and_a_second_ending_none(task, graph):
    execution = ToolExecution.objects.create(task_execution=task, tool="script")
    execution.end("error", exit_code=2, message="No such file.")
    execution.end("success", exit_code=0)
    assert [event["type"] for event in events(graph)] == ["tool_start", "tool_end"]
    assert events(graph)[-1]["exit_code"] == 2
    assert events(graph)[-1]["message"] == "No such file."


def test_a_rollback_emits_nothing_and_leaves_no_hole(task, graph):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ToolExecution.objects.create(task_execution=task, tool="script")
        1 / 0  # noqa: B018
    assert events(graph) == []
    ToolExecution.objects.create(task_execution=task, tool="script")
    assert [event["seq"] for event in events(graph)] == [1]


def test_reported_output_joins_to_the_whole(task, graph):
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    for text in ("one\n", "two\r\n", "drei ✓"):
        execution.report(output=text)
    assert "".join(e.get("output", "") for e in events(graph)) == "one\ntwo\r\ndrei ✓"
    assert execution.output == "one\ntwo\r\ndrei ✓"


def test_a_run_is_one_boot_to_one_done(run):
    for entry in run.plan["tasks"]:
        TaskExecution.objects.start(run=run, task=entry).finish("succeeded")
    run.finish("succeeded")
    run.finish("failed", reason="late")
    story = events(f"run:{run.pk}")
    assert [event["type"] for event in story] == [
        "boot",
        *["agent_start", "task_start", "task_end", "agent_end"] * 2,
        "done",
    ]
    assert [event["seq"] for event in story] == list(range(1, 11))
    assert story[-1]["status"] == "succeeded"


def test_a_run_cut_short_closes_what_is_open(run, task, graph):
    ToolExecution.objects.start(task_execution=task, tool="script", params={})
    run.finish("failed", reason="worker_lost", message="gone")
    assert [e["type"] for e in events(f"run:{run.pk}")] == [
        "boot", "agent_start", "task_start", "task_end", "agent_end", "error", "done",
    ]  # fmt: skip
    assert [e["type"] for e in events(graph)] == ["tool_start", "tool_end"]


def test_mission_reports_busy_and_available_again(run):
    run.finish("succeeded")
    signals = events(f"mission:{run.crew_id}")[-2:]
    assert [event["payload"] for event in signals] == [
        {"status": "busy", "crewId": str(run.crew_id)},
        {"status": "available", "crewId": str(run.crew_id)},
    ]


@pytest.mark.django_db(transaction=True)
def test_what_is_published_has_been_committed(run, redis_server):
    with redis_server.pubsub() as pubsub:
        pubsub.subscribe(f"run:{run.pk}")
        assert pubsub.get_message(timeout=30)["type"] == "subscribe"
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run.finish("cancelled")
            raise ZeroDivisionError
        with transaction.atomic():
            Run.objects.get().finish("failed", reason="task_failed")
            assert pubsub.get_message(timeout=0.2) is None
        assert '"status":"failed"' in pubsub.get_message(timeout=30)["data"].decode()


@pytest.mark.parametrize("call", ["update", "bulk_create", "bulk_update"])
def test_what_would_bypass_the_signals_is_refused(db, call):
    with pytest.raises(TypeError, match="sends no signals"):
        getattr(ToolExecution.objects, call)()


def test_the_runs_of_a_deleted_user_stay(acme, run):
    acme.operator.delete()
    run.refresh_from_db()
    assert run.started_by is None
    with pytest.raises(TypeError, match="sends no signals"):
        Run.objects.update(started_by=None, status="failed")
