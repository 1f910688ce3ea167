"""The small part of a run's plan that a page needs. Large plans are read once per process."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from runs.models import Run

STEPS_AT_ONCE = 80  # a run with more steps or tasks than these is shown in pages of tasks
TASKS_AT_ONCE = 30
KEPT = 32  # outlines of large plans

_kept: OrderedDict[UUID, "Outline"] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task of the plan, with only the tools' names of its steps."""

    task_id: str
    name: str
    agent_id: str
    tools: tuple[str, ...]


class Outline:
    """A plan without its parameters. A plan never changes, so an outline does not either."""

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
        # The agents of the timeline: all of the crew, then those that only tasks name.
        self.lanes = list(dict.fromkeys([*self.names, *(task.agent_id for task in self.tasks)]))
        self.planned_for = Counter(task.agent_id for task in self.tasks)
        self.carried: list[dict[str, str]] = plan.get("carried", [])

    def task(self, task_id: str) -> PlannedTask | None:
        number = self.number_of.get(task_id)
        return None if number is None else self.tasks[number]

    def steps_of(self, task_id: str) -> int:
        task = self.task(task_id)
        return len(task.tools) if task else 0

    @property
    def is_large(self) -> bool:
        steps = sum(len(task.tools) for task in self.tasks)
        return steps > STEPS_AT_ONCE or len(self.tasks) > TASKS_AT_ONCE


def outline_of(run: Run) -> Outline:
    """Return the outline of ``run``'s plan. If a large plan's is cached, the plan is not read."""
    with _lock:
        if known := _kept.get(run.pk):
            _kept.move_to_end(run.pk)
            return known
    made = Outline(run.plan)
    if made.is_large and not run.is_reported:  # the plan of a reported run grows
        with _lock:
            _kept[run.pk] = made
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
    return made
