"""Carries out a claimed run: its tasks in order, each step through its tool."""

import logging
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from crews.tracking import IllegalMove
from runs import credentials, metrics, remains, tools
from runs.emitter import ToolEventEmitter
from runs.lease import Lease, LeaseLost
from runs.models import Run, TaskExecution, ToolExecution
from runs.patience import patiently
from runs.tools.base import Credential
from runs.workspaces import workspace_of

logger = logging.getLogger(__name__)


def execute(run: Run) -> None:
    """Bring a running run, claimed by this process, to its end. Never raises for what a run does."""
    try:
        with Lease(run) as lease:
            _expect_workspace(run)
            _make_workspace(run)
            remains.clear(run)
            failed = [task for task in run.plan["tasks"] if not _carry_out(run, task, lease)]
        if failed:
            names = ", ".join(task["name"] for task in failed)
            _finish(run, Run.Status.FAILED, reason="task_failed", message=f"Failed: {names}")
        else:
            _finish(run, Run.Status.SUCCEEDED)
    except _Stopped as stopped:
        _finish(run, stopped.status, reason=stopped.reason, message=str(stopped))
    except (LeaseLost, IllegalMove) as lost:
        # Somebody else has ended this run; whatever there was to say has been said.
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
    """The run ends here: it was cancelled, or a task failed that must not."""

    def __init__(self, status: str, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def _expect_workspace(run: Run) -> None:
    if run.retry == Run.Retry.RESUMED and not workspace_of(run).is_dir():
        raise _Stopped(
            Run.Status.FAILED,
            "workspace_lost",
            "The workspace that this run was to go on in is not on the worker's machine. "
            "Run it again from the start.",
        )


def _make_workspace(run: Run) -> None:
    try:
        workspace_of(run).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        logger.exception("Run %s has no workspace", run.pk)
        message = f"The workspace could not be made: {error.strerror}."
        raise _Stopped(Run.Status.FAILED, "no_workspace", message) from error


def _carry_out(run: Run, task: dict, lease: Lease) -> bool:
    """Whether the task succeeded. Raises ``_Stopped`` where the run ends with it."""
    execution = patiently(TaskExecution.objects.start, run=run, task=task)
    for number, step in enumerate(task["steps"], start=1):
        outcome = _call(execution, step, workspace_of(run), lease)
        if lease.cancelled:
            _finish(execution, TaskExecution.Status.CANCELLED, reason="cancelled")
            raise _Stopped(Run.Status.CANCELLED, "cancelled")
        if outcome.status != ToolExecution.Status.SUCCESS:
            what = f"Step {number}, {step['tool']}: {outcome.message or 'failed'}"
            _finish(execution, TaskExecution.Status.FAILED, reason="tool_failed", message=what)
            if not task["continue_on_error"]:
                raise _Stopped(Run.Status.FAILED, "task_failed", f"{task['name']}. {what}")
            return False
    _finish(execution, TaskExecution.Status.SUCCEEDED)
    return True


def _call(execution: TaskExecution, step: dict, workspace: Path, lease: Lease) -> tools.Outcome:
    tool = tools.get(step["tool"])
    params, secrets, refusal = _prepared(tool, step, execution.run)
    emitter = ToolEventEmitter(
        execution,
        cancelled=lease.check,
        secrets=[credential.password for credential in secrets.values()],
    )
    emitter.start(tool.name, step.get("params", {}))
    if refusal:
        return emitter.end(tools.Outcome(tools.Status.ERROR, message=refusal))
    try:
        outcome = tool.run(params | secrets, workspace, emitter)
        if outcome.made:
            remains.note(execution.run, task_id=str(execution.task_id), made=outcome.made)
    except (LeaseLost, IllegalMove):
        raise
    except Exception as error:
        logger.exception("Tool %s failed for a reason of ours", tool.name)
        outcome = tools.Outcome(tools.Status.ERROR, message=type(error).__name__)
    lease.check()  # whoever lost the run writes nothing more, and says so in the log
    return emitter.end(outcome)


def _prepared(
    tool: tools.Tool, step: dict, run: Run
) -> tuple[dict[str, Any], dict[str, Credential], str]:
    """The step's clean parameters, the secrets that some of them name, and why it cannot be
    carried out: settings and secrets may have changed since it was written."""
    try:
        tools.validate_steps([step])
        params = tool.clean(step.get("params", {}))
        return params, patiently(_secrets, tool, params, run), ""
    except ValidationError as refused:
        faults = [message.partition(": ")[2] for message in refused.messages]
        return {}, {}, " ".join(faults)
    except credentials.Refused as refused:
        return {}, {}, str(refused)


def _secrets(tool: tools.Tool, params: dict[str, Any], run: Run) -> dict[str, Credential]:
    return credentials.open_for(tool, params, run.crew.organization_id)


def _finish(what: Run | TaskExecution, status: str, *, reason: str = "", message: str = "") -> None:
    patiently(what.finish, status, reason=reason, message=message)
