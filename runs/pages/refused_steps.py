"""Tool calls of two runs that never began: a person denied them, or nobody decided in time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from runs.models import Approval, TaskExecution
from runs.pages.compared_steps import ComparedStep


def refused_steps(
    executions: Mapping[Any, Sequence[TaskExecution]], at_most: int
) -> dict[Any, list[tuple[Any, ComparedStep]]]:
    """The steps of each run, by its primary key, each with the one of its task execution.

    ``executions``: those of each run. ``at_most``: how many approvals are read.
    """
    task_of = {(row.run_id, row.task_id): row.pk for own in executions.values() for row in own}
    refused = Approval.objects.unscoped().filter(run__in=executions, status__in=Approval.REFUSED)
    fields = ("run", "task_id", "id", "tool", "status", "requested_at", "decided_at")
    rows = refused.order_by("requested_at", "id").values_list(*fields)[:at_most]
    found: dict[Any, list[tuple[Any, ComparedStep]]] = defaultdict(list)
    for run, task_id, pk, tool, status, asked, decided in rows:
        if task := task_of.get((run, task_id)):
            step = ComparedStep(pk, "tool", tool, status, asked, decided)
            found[run].append((task, step))
    return found
