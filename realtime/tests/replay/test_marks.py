"""The marks of a recording: pauses, messages, cancels and budgets."""

from datetime import timedelta

import pytest

from realtime.replay import checkpoints, merging
from realtime.replay.marks import marks_of_event
from realtime.tests.pages.scene import reported
from runs.events.run_state import RunState
from runs.execution import budget_actions
from runs.models import Control, ReportedRun, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused

pytestmark = pytest.mark.django_db


def marks_of(run: Run) -> list[tuple[str, str, str]]:
    return checkpoints.recording(run).marks


def labels_of(run: Run) -> list[str]:
    return [label for _, kind, label in marks_of(run) if kind == "control"]


def test_names_controls_when_they_come_true(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    Control.objects.ask(run, "pause", by="anna")
    assert labels_of(run) == []
    assert report_paused(run, True)
    assert labels_of(run) == ["paused"]
    paused_at = run.controls.get().ended_at
    assert abs(merging.parsed(marks_of(run)[0][0]) - paused_at) < timedelta(seconds=1)
    Control.objects.ask(run, "resume", by="anna")
    assert report_paused(run, False)
    Control.objects.ask(run, "cancel", by="anna")
    task.finish("cancelled")
    run.finish("cancelled", reason="cancelled")
    assert labels_of(run) == ["paused", "resumed", "cancel asked"]
    assert not [mark for mark in marks_of(run) if mark[1] != "control"]


def test_a_pause_that_is_refused_has_no_mark(acme):
    run = acme.start_run()
    Control.objects.ask(run, "pause", by="anna")
    Control.objects.ask(run, "resume", by="anna")  # before it had paused
    run.finish("succeeded")
    assert [control.status for control in run.controls.all()] == ["refused", "applied"]
    assert labels_of(run) == ["resumed"]


def test_marks_of_controls_name_nobody_and_quote_nothing(acme):
    run = reported(acme)
    ReportedRun.objects.filter(run=run).update(controls="message")
    run = Run.objects.get(pk=run.pk)
    Control.objects.ask(run, "message", text="Use the other branch.", by="anna")
    assert [mark[1:] for mark in marks_of(run)] == [("control", "message")]


def test_names_budgets(acme):
    acme.crew.budget_run_tool_calls = 5
    acme.crew.save()
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    found = []
    for number in range(6):
        ToolExecution.objects.start(task_execution=task, tool="script", params={}).end("success")
        if number in (3, 5):
            budget_actions.check_all()
            found.append([mark[1:] for mark in marks_of(run)])
    warning = ("control", "budget of tool calls: 80 % used")
    assert found[0] == [warning]
    assert found[1][:2] == [warning, ("error", "budget of tool calls")]


def test_a_control_whose_request_was_pruned_has_no_mark():
    frame = {"type": "control_applied", "control_id": "c", "status": "applied", "detail": ""}
    state = RunState(run_id="r")
    state.apply(frame | {"run_id": "r", "crew_id": "c"})
    assert list(marks_of_event("now", frame, state)) == []


def test_a_control_of_a_run_that_the_state_has_forgotten_has_no_mark():
    applied = {"type": "control_applied", "control_id": "c", "status": "applied"}
    assert [*marks_of_event("2026-01-01T00:00:00Z", applied, None)] == []
