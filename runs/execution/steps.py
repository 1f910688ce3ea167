"""Carries out a task of a run: its steps in order, each with its tool."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from crews.tracking import InvalidState
from runs import tools
from runs.execution import clones, credentials, gate
from runs.execution.emitter import ToolEventEmitter
from runs.execution.lease import Lease, LeaseLost
from runs.execution.pausing import RunPause
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import Run, TaskExecution, ToolExecution
from runs.tools.base import Credential
from runs.workspaces import directory_of

logger = logging.getLogger(__name__)


class _Cancelled(Exception):
    """The run was cancelled: its task ends as cancelled."""


def carry_out(execution: TaskExecution, lease: Lease, pause: RunPause) -> None:
    """Carry out a task that has been started, to its end, which is saved.

    Raises ``LeaseLost`` and ``InvalidState`` if this process does not hold it any more.
    """
    run, task_id = execution.run, str(execution.task_id)
    task = next(task for task in run.plan["tasks"] if task["task_id"] == task_id)
    directory = directory_of(run.pk, run.plan, task_id)
    try:
        directory.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        logger.exception("Task %s of run %s has no directory", execution, run.pk)
        message = f"The task's directory could not be made: {error.strerror}."
        return _finish(execution, TaskExecution.Status.FAILED, "no_workspace", message)
    try:
        for number, step in enumerate(task["steps"], start=1):
            _wait_while_paused(lease, pause)
            reason = "tool_failed"
            try:
                outcome = _call(execution, step, directory, lease, pause)
            except gate.StepRefused as refused:
                reason = refused.reason
                outcome = tools.Outcome(tools.Status.ERROR, message=str(refused))
            if lease.cancelled:
                raise _Cancelled
            if outcome.status != ToolExecution.Status.SUCCESS:
                what = f"Step {number}, {step['tool']}: {outcome.message or 'failed'}"
                return _finish(execution, TaskExecution.Status.FAILED, reason, what)
        _finish(execution, TaskExecution.Status.SUCCEEDED)
    except _Cancelled:
        _finish(execution, TaskExecution.Status.CANCELLED, "cancelled")


def _finish(execution: TaskExecution, status: str, reason: str = "", message: str = "") -> None:
    retry_on_outage(execution.finish, status, reason=reason, message=message)


def _wait_while_paused(lease: Lease, pause: RunPause) -> None:
    pause.wait()
    if lease.cancelled:
        raise _Cancelled


def _call(
    execution: TaskExecution, step: dict, workspace: Path, lease: Lease, pause: RunPause
) -> tools.Outcome:
    tool = tools.get(step["tool"])
    params, secrets, refusal = _prepared(tool, step, execution.run)
    passwords = _passwords(secrets)
    if not refusal:
        gate.wait_for_approval(
            execution,
            step,
            params=params,
            secrets=passwords,
            lease=lease,
            wait_while_paused=partial(_wait_while_paused, lease, pause),
        )
        if secrets:  # an admin may have changed them while the step waited
            params, secrets, refusal = _prepared(tool, step, execution.run)
            passwords += _passwords(secrets)
    emitter = ToolEventEmitter(execution, cancelled=lease.check, pause=pause, secrets=passwords)
    emitter.start(tool.name, step.get("params", {}))
    if refusal:
        return emitter.end(tools.Outcome(tools.Status.ERROR, message=refusal))
    try:
        outcome = tool.run(params | secrets, workspace, emitter)
        if outcome.made:
            clones.note(
                execution.run, task_id=str(execution.task_id), made=workspace / outcome.made
            )
    except (LeaseLost, InvalidState):
        raise
    except Exception as error:
        logger.exception("Tool %s failed because of an internal error", tool.name)
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
        tools.validate_steps([step], is_stored=True)
        params = tool.clean(step.get("params", {}))
        return params, retry_on_outage(_secrets, tool, params, run), ""
    except ValidationError as refused:
        faults = [message.partition(": ")[2] for message in refused.messages]
        return {}, {}, " ".join(faults)
    except credentials.SecretNotAllowed as refused:
        return {}, {}, str(refused)


def _passwords(secrets: dict[str, Credential]) -> list[str]:
    return [credential.password for credential in secrets.values()]


def _secrets(tool: tools.Tool, params: dict[str, Any], run: Run) -> dict[str, Credential]:
    return credentials.open_for(tool, params, run.crew.organization_id)
