"""How far a run has come in its plan: which tasks may begin, and which never will."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crews.task_order import cycle_in

Planned = dict[str, Any]  # an entry of ``plan["tasks"]``


def may_be_parallel(plan: Mapping[str, Any]) -> bool:
    """Whether several tasks of the plan may be running. Older plans do not say so."""
    return plan.get("max_parallel", 1) > 1


def follows_the_list(plan: Mapping[str, Any]) -> bool:
    """Whether the tasks just follow each other."""
    return not may_be_parallel(plan) and not any(task.get("after") for task in plan["tasks"])


def cycle_of(plan: Mapping[str, Any]) -> list[str]:
    """The names of tasks that wait for each other: see `crews.task_order`."""
    names = {task["task_id"]: task["name"] for task in plan["tasks"]}
    cycle = cycle_in({task["task_id"]: task.get("after", ()) for task in plan["tasks"]})
    return [names[pk] for pk in cycle]


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """``statuses``: of each task of ``plan`` that has begun, by its id."""

    plan: Mapping[str, Any]
    statuses: Mapping[str, str]

    @property
    def running(self) -> int:
        return sum(status == "running" for status in self.statuses.values())

    @property
    def ready(self) -> list[Planned]:
        """The tasks that may begin now, in their order: no more than there are free places."""
        if self.is_stopped:
            return []
        # Tasks of `after` that are not in the plan have succeeded in the run that this one retries.
        planned = {task["task_id"] for task in self.plan["tasks"]}
        succeeded = {pk for pk, status in self.statuses.items() if status == "succeeded"}
        unmet = planned - succeeded
        ready = [task for task in self.left if unmet.isdisjoint(task.get("after", ()))]
        return ready[: max(self.plan.get("max_parallel", 1) - self.running, 0)]

    @property
    def is_stopped(self) -> bool:
        """Whether no other task may begin, because of one that failed or was cancelled."""
        return any(
            status == "cancelled" or (status == "failed" and not task["continue_on_error"])
            for task, status in self._begun()
        )

    @property
    def left(self) -> list[Planned]:
        """The tasks that have not begun."""
        return [task for task in self.plan["tasks"] if task["task_id"] not in self.statuses]

    @property
    def has_succeeded(self) -> bool:
        return not self.left and all(status == "succeeded" for _, status in self._begun())

    def _begun(self) -> list[tuple[Planned, str]]:
        tasks = self.plan["tasks"]
        return [
            (task, self.statuses[task["task_id"]])
            for task in tasks
            if task["task_id"] in self.statuses
        ]
