"""Executes a claimed run: starts its tasks when they may begin, and ends it."""

import logging
from collections.abc import Iterator
from uuid import uuid4

from runs.execution import clones, faults
from runs.execution.helper_wakeup import notify_helpers
from runs.execution.lease import Lease
from runs.execution.pausing import RunPause
from runs.execution.retry_on_outage import retry_on_outage
from runs.execution.run_events import RunEvents
from runs.execution.steps import carry_out
from runs.models import Run, TaskExecution
from runs.plan_progress import PlanProgress
from runs.workspaces import workspace_of

logger = logging.getLogger(__name__)


def execute(run: Run) -> None:
    """Execute a run that this process has claimed, to its end. Never raises an error of the run.

    This process carries out one task at a time. Where the crew lets tasks run in parallel, it calls
    other processes of the worker for the others, and waits for the end of their tasks.
    """
    with faults.handled(run):
        try:
            with Lease(run) as lease:
                _expect_workspace(run)
                _make_workspace(run)
                clones.clear(run)
                for execution in _started(run, lease):
                    carry_out(execution, lease, RunPause(run, lease, execution))
                status, reason, message = _outcome(run, is_cancelled=lease.cancelled)
        except _Stopped as stopped:
            status, reason, message = Run.Status.FAILED, stopped.reason, str(stopped)
        retry_on_outage(run.finish, status, reason=reason, message=message)


class _Stopped(Exception):
    """The run fails before its first task."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _expect_workspace(run: Run) -> None:
    if run.retry == Run.Retry.RESUMED and not workspace_of(run.pk).is_dir():
        raise _Stopped(
            "workspace_lost",
            "The workspace that this run was to go on in is not on the worker's machine. "
            "Run it again from the start.",
        )


def _make_workspace(run: Run) -> None:
    try:
        workspace = workspace_of(run.pk)
        workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        if run.plan.get("own_directories"):
            workspace.chmod(0o711)  # tools that run as another user pass through it
    except OSError as error:
        logger.exception("Run %s has no workspace", run.pk)
        message = f"The workspace could not be made: {error.strerror}."
        raise _Stopped("no_workspace", message) from error


def _started(run: Run, lease: Lease) -> Iterator[TaskExecution]:
    """Start one task after the other for this process, until none is left that may begin.

    No helper is at work any more when it ends.
    """
    pause = RunPause(run, lease)
    while True:
        pause.wait()
        execution = None
        if not lease.cancelled:
            execution = retry_on_outage(TaskExecution.objects.start_next, run=run, id=uuid4())
        if execution:
            notify_helpers(run)
            yield execution
        elif not _may_begin(run, lease, pause):
            return


def _may_begin(run: Run, lease: Lease, pause: RunPause) -> bool:
    """Whether a task may begin. Waits while that depends on tasks of helpers."""

    def read_progress() -> PlanProgress:
        return retry_on_outage(TaskExecution.objects.progress_of, run)

    progress = read_progress()
    if progress.running:
        with RunEvents(run.pk) as events:
            while (progress := read_progress()).running and (lease.cancelled or not progress.ready):
                events.wait()
                pause.wait()
    return bool(progress.ready) and not lease.cancelled


def _outcome(run: Run, *, is_cancelled: bool) -> tuple[str, str, str]:
    """The run's status, reason and message, after the end of its last task."""
    progress = retry_on_outage(TaskExecution.objects.progress_of, run)
    if progress.has_succeeded:
        return Run.Status.SUCCEEDED, "", ""
    if "cancelled" in progress.statuses.values() or (is_cancelled and not progress.is_stopped):
        return Run.Status.CANCELLED, "cancelled", ""
    failed = retry_on_outage(list, run.task_executions.filter(status="failed").order_by("ended_at"))
    own = {task["task_id"]: task for task in run.plan["tasks"]}
    for execution in failed:
        if not own[str(execution.task_id)]["continue_on_error"]:
            return Run.Status.FAILED, "task_failed", f"{execution.name}. {execution.message}"
    failed.sort(key=lambda execution: execution.order)
    message = f"Failed: {', '.join(execution.name for execution in failed)}"
    if progress.left:
        names = ", ".join(task["name"] for task in progress.left)
        message += f". Not begun, as they come after it: {names}"
    return Run.Status.FAILED, "task_failed", message
