"""Executes a claimed run: its tasks in order, each step with its tool."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from crews.tracking import IllegalMove
from runs import metrics, tools
from runs.execution import clones, credentials, gate
from runs.execution.emitter import ToolEventEmitter
from runs.execution.lease import Lease, LeaseLost
from runs.execution.outages import retry_on_outage
from runs.execution.pausing import RunPause
from runs.models import Run, TaskExecution, ToolExecution
from runs.tools.base import Credential
from runs.workspaces import workspace_of

logger = logging.getLogger(__name__)


def execute(run: Run) -> None:
    """Execute a run that this process has claimed, to its end. Never raises an error of the run."""
    try:
        with Lease(run) as lease:
            _expect_workspace(run)
            _make_workspace(run)
            clones.clear(run)
            pause = RunPause(run, lease)
            failed = [t for t in run.plan["tasks"] if not _carry_out(run, t, lease, pause)]
        if failed:
            names = ", ".join(task["name"] for task in failed)
            _finish(run, Run.Status.FAILED, reason="task_failed", message=f"Failed: {names}")
        else:
            _finish(run, Run.Status.SUCCEEDED)
    except _Stopped as stopped:
        _finish(run, stopped.status, reason=stopped.reason, message=str(stopped))
    except (LeaseLost, IllegalMove) as lost:
        # Another process has ended this run and has reported the end.
        metrics.LEASES_LOST.inc()
        logger.warning("Run %s was taken away from this worker: %s", run.pk, lost)
    except Exception:
        logger.exception("Run %s failed for a reason of ours", run.pk)
        _finish(
            run,
            Run.Status.FAILED,
            reason="internal_error",
            message="CrewOps failed while carrying out the run; the worker's log says how.",
        )


class _Stopped(Exception):
    """The run ends here: it was cancelled, or a task failed that has no ``continue_on_error``."""

    def __init__(self, status: str, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def _expect_workspace(run: Run) -> None:
    if run.retry == Run.Retry.RESUMED and not workspace_of(run.pk).is_dir():
        raise _Stopped(
            Run.Status.FAILED,
            "workspace_lost",
            "The workspace that this run was to go on in is not on the worker's machine. "
            "Run it again from the start.",
        )


def _make_workspace(run: Run) -> None:
    try:
        workspace_of(run.pk).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        logger.exception("Run %s has no workspace", run.pk)
        message = f"The workspace could not be made: {error.strerror}."
        raise _Stopped(Run.Status.FAILED, "no_workspace", message) from error


def _carry_out(run: Run, task: dict, lease: Lease, pause: RunPause) -> bool:
    """Whether the task succeeded. Raises ``_Stopped`` if the run ends with this task."""
    _wait_while_paused(lease, pause)
    execution = retry_on_outage(TaskExecution.objects.start, run=run, task=task)
    for number, step in enumerate(task["steps"], start=1):
        _wait_while_paused(lease, pause)
        reason = "tool_failed"
        try:
            outcome = _call(execution, step, workspace_of(run.pk), lease, pause)
        except gate.Refused as refused:
            reason = refused.reason
            outcome = tools.Outcome(tools.Status.ERROR, message=str(refused))
        if lease.cancelled:
            _finish(execution, TaskExecution.Status.CANCELLED, reason="cancelled")
            raise _Stopped(Run.Status.CANCELLED, "cancelled")
        if outcome.status != ToolExecution.Status.SUCCESS:
            what = f"Step {number}, {step['tool']}: {outcome.message or 'failed'}"
            _finish(execution, TaskExecution.Status.FAILED, reason=reason, message=what)
            if not task["continue_on_error"]:
                raise _Stopped(Run.Status.FAILED, "task_failed", f"{task['name']}. {what}")
            return False
    _finish(execution, TaskExecution.Status.SUCCEEDED)
    return True


def _wait_while_paused(lease: Lease, pause: RunPause) -> None:
    """Raises ``_Stopped`` if the run was cancelled. That ends its open task as cancelled, too."""
    pause.wait()
    if lease.cancelled:
        raise _Stopped(Run.Status.CANCELLED, "cancelled")


def _call(
    execution: TaskExecution, step: dict, workspace: Path, lease: Lease, pause: RunPause
) -> tools.Outcome:
    tool = tools.get(step["tool"])
    params, secrets, refusal = _prepared(tool, step, execution.run)
    passwords = [credential.password for credential in secrets.values()]
    if not refusal:
        gate.wait_for_approval(
            execution,
            step,
            params=params,
            secrets=passwords,
            lease=lease,
            wait_while_paused=partial(_wait_while_paused, lease, pause),
        )
    emitter = ToolEventEmitter(execution, cancelled=lease.check, pause=pause, secrets=passwords)
    emitter.start(tool.name, step.get("params", {}))
    if refusal:
        return emitter.end(tools.Outcome(tools.Status.ERROR, message=refusal))
    try:
        outcome = tool.run(params | secrets, workspace, emitter)
        if outcome.made:
            clones.note(execution.run, task_id=str(execution.task_id), made=outcome.made)
    except (LeaseLost, IllegalMove):
        raise
    except Exception as error:
        logger.exception("Tool %s failed for a reason of ours", tool.name)
        outcome = tools.Outcome(tools.Status.ERROR, message=type(error).__name__)
    lease.check()  # a worker that has lost the run writes nothing more, and logs the loss
    return emitter.end(outcome)


def _prepared(
    tool: tools.Tool, step: dict, run: Run
) -> tuple[dict[str, Any], dict[str, Credential], str]:
    """Return the step's cleaned parameters, the credentials that they name, and a refusal.

    The refusal says why the step cannot run, or is empty: settings and secrets may have changed
    since the step was written.
    """
    try:
        tools.validate_steps([step])
        params = tool.clean(step.get("params", {}))
        return params, retry_on_outage(_secrets, tool, params, run), ""
    except ValidationError as refused:
        faults = [message.partition(": ")[2] for message in refused.messages]
        return {}, {}, " ".join(faults)
    except credentials.Refused as refused:
        return {}, {}, str(refused)


def _secrets(tool: tools.Tool, params: dict[str, Any], run: Run) -> dict[str, Credential]:
    return credentials.open_for(tool, params, run.crew.organization_id)


def _finish(what: Run | TaskExecution, status: str, *, reason: str = "", message: str = "") -> None:
    retry_on_outage(what.finish, status, reason=reason, message=message)
