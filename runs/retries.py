"""What a retry does: the crew's tasks as they are now, or what is left of the parent's plan."""

from typing import Any

from crews.tracking import IllegalMove
from runs import workspaces
from runs.models import Run, TaskExecution


def follow(run: Run, parent: Run, *, from_failed: bool) -> None:
    """Make ``run``, which is not saved yet, a retry of ``parent``, whose lock the caller holds.

    From its first task that failed it goes on in the parent's workspace, which it takes over. Where
    that is gone it starts over. Raises ``IllegalMove`` where every task has succeeded.
    """
    run.parent = parent
    run.retry = Run.Retry.AGAIN
    if not from_failed:
        return
    rest = rest_of(parent)
    if rest is None:
        raise IllegalMove(
            f"Every task of run {parent.pk} has succeeded, so there is none to go on from. "
            "Run it again from the start."
        )
    if workspaces.hand_on(parent, run):
        run.retry = Run.Retry.RESUMED
        run.plan = rest
        run.remains = parent.remains
    else:
        run.retry = Run.Retry.RESTARTED


def rest_of(run: Run) -> dict[str, Any] | None:
    """The plan from the first task on that has not succeeded; ``None`` when all have.

    ``carried`` lists the tasks before it, the parents' too: ``{task_id, name, agent_id}``.
    """
    succeeded = {
        str(task_id)
        for task_id in run.task_executions.filter(
            status=TaskExecution.Status.SUCCEEDED
        ).values_list("task_id", flat=True)
    }
    tasks = run.plan["tasks"]
    for number, task in enumerate(tasks):
        if task["task_id"] not in succeeded:
            done = [
                {key: earlier[key] for key in ("task_id", "name", "agent_id")}
                for earlier in tasks[:number]
            ]
            return run.plan | {"tasks": tasks[number:], "carried": [*run.carried, *done]}
    return None
