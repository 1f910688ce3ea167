"""The plan of a retry: the crew's current tasks, or the rest of the parent's plan."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from crews.tracking import InvalidState
from runs import workspaces
from runs.models.abstract_run import AbstractRun
from runs.plan_progress import follows_the_list


def follow(
    run: AbstractRun, parent: AbstractRun, *, transfer_workspace: Callable[[UUID], bool] | None
) -> None:
    """Make ``run``, which is not saved yet, a retry of ``parent``, whose lock the caller holds.

    With ``transfer_workspace`` the run begins at the parent's first task that has not succeeded. It
    takes over the parent's workspace, which ``transfer_workspace`` gives to the run of this id if
    it can. If the workspace does not exist any more, the run starts over. Raises ``InvalidState``
    if every task has succeeded.
    """
    run.parent = parent
    run.retry = AbstractRun.Retry.AGAIN
    if transfer_workspace is None:
        return
    rest = rest_of(parent)
    if rest is None:
        raise InvalidState(
            f"Every task of run {parent.pk} has succeeded, so there is none to go on from. "
            "Run it again from the start."
        )
    if can_transfer_workspace(parent) and transfer_workspace(run.pk):
        run.retry = AbstractRun.Retry.RESUMED
        run.plan = rest
        run.remains = parent.remains
    else:
        run.retry = AbstractRun.Retry.RESTARTED


def can_transfer_workspace(run: AbstractRun) -> bool:
    """Whether a retry can continue in the workspace: it exists, and no process can be using it.

    A worker that lost its run may come back. Until then its tool may still work in the workspace.
    """
    return run.is_over and run.attempt <= 1 and workspaces.workspace_of(run.pk).is_dir()


def rest_of(run: AbstractRun) -> dict[str, Any] | None:
    """Return the plan without the tasks that have succeeded; ``None`` if all have.

    Where tasks just follow each other, the plan continues with the first that has not succeeded,
    and the tasks after it are repeated. ``carried`` lists the tasks that are left out, including
    the parents': ``{task_id, name, agent_id}``.
    """
    succeeded = {
        str(task_id)
        for task_id in run.task_executions.filter(status="succeeded").values_list(
            "task_id", flat=True
        )
    }
    tasks = run.plan["tasks"]
    rest = [task for task in tasks if task["task_id"] not in succeeded]
    if not rest:
        return None
    if follows_the_list(run.plan):
        rest = tasks[tasks.index(rest[0]) :]
    done = [
        {key: task[key] for key in ("task_id", "name", "agent_id")}
        for task in tasks
        if task not in rest
    ]
    return run.plan | {"tasks": rest, "carried": [*run.carried, *done]}
