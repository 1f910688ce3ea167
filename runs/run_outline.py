"""What a page needs of a run's plan: small, and read once a process where the plan is large."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from runs.models import Run

STEPS_AT_ONCE = 80  # a run of more steps or tasks is shown a page of tasks at a time
TASKS_AT_ONCE = 30
KEPT = 32  # outlines of large plans

_kept: OrderedDict[UUID, "Outline"] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task of the plan; of its steps only the tools' names."""

    task_id: str
    name: str
    agent_id: str
    tools: tuple[str, ...]


class Outline:
    """A plan without its parameters. A plan never changes, so neither does this."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.crew: str = plan["crew"]
        self.agents: list[dict[str, str]] = plan["agents"]
        self.names = {agent["agent_id"]: agent["name"] for agent in self.agents}
        self.tasks = [
            PlannedTask(
                task_id=task["task_id"],
                name=task["name"],
                agent_id=task["agent_id"],
                tools=tuple(step["tool"] for step in task["steps"]),
            )
            for task in plan["tasks"]
        ]
        self.number_of = {task.task_id: number for number, task in enumerate(self.tasks)}
        self.planned_for = Counter(task.agent_id for task in self.tasks)
        self.carried: list[dict[str, str]] = plan.get("carried", [])

    @property
    def is_large(self) -> bool:
        steps = sum(len(task.tools) for task in self.tasks)
        return steps > STEPS_AT_ONCE or len(self.tasks) > TASKS_AT_ONCE


def outline_of(run: Run) -> Outline:
    """The outline of ``run``'s plan. Of a large plan that is known the plan itself is not read."""
    with _lock:
        if known := _kept.get(run.pk):
            _kept.move_to_end(run.pk)
            return known
    made = Outline(run.plan)
    if made.is_large:
        with _lock:
            _kept[run.pk] = made
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
    return made
