"""The newest runs of a crew: a chart of their durations, outcomes and costs, and flaky steps."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, TextField
from django.db.models.functions import MD5, Cast

from runs.models import Run, ToolExecution

RUNS_AT_MOST = 50
WIDTH, HEIGHT, COST_HEIGHT = 600, 120, 36  # of the chart, in its own units
LOWEST = 3  # units: the height of a bar that can be seen
TASKS_READ = 1_000  # of the runs whose steps are looked at
CALLS_AT_MOST = 5_000  # tool calls that are looked at
FLAKY_AT_MOST = 10
NO_FAULT = ("worker_lost", "reporter_lost", "internal_error", "workspace_lost")  # of a tool


@dataclass(frozen=True, slots=True)
class Column:
    """One run in the chart."""

    run: Run
    x: float
    width: float
    height: float  # by its duration
    cost_height: float | None
    mark: str  # which of the compared runs it is; "" for the others

    @property
    def y(self) -> float:
        return HEIGHT - self.height

    @property
    def cost_y(self) -> float:
        return COST_HEIGHT - (self.cost_height or 0)


@dataclass(frozen=True, slots=True)
class Flaky:
    """A tool call with the same inputs that succeeded in some runs and failed in others."""

    task: str
    agent_id: str
    tool: str
    failed: int
    count: int
    last_failed: Any  # the run
    last_call: Any


class Trend:
    """The newest ``runs`` of a crew, which are given newest first."""

    width, height, cost_height = WIDTH, HEIGHT, COST_HEIGHT

    def __init__(self, runs: Sequence[Run], marks: dict[Any, str]) -> None:
        self.runs = list(reversed(runs))
        durations = [run.duration_s for run in self.runs]
        costs = [run.cost_usd for run in self.runs]
        self.longest_s = max(durations, default=0.0)
        self.dearest = max((cost for cost in costs if cost is not None), default=None)
        slot = WIDTH / max(len(self.runs), 10)
        self.columns = [
            Column(
                run,
                x=round(number * slot + slot * 0.12, 2),
                width=round(slot * 0.76, 2),
                height=_share(run.duration_s, self.longest_s) * HEIGHT,
                cost_height=_cost(run.cost_usd, self.dearest),
                mark=marks.get(run.pk, ""),
            )
            for number, run in enumerate(self.runs)
        ]

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """How many runs have each status, ended or not."""
        return Counter(run.status for run in self.runs).most_common()


def flaky_steps(runs: Sequence[Run]) -> list[Flaky]:
    """The tool calls whose outcome differs though their inputs do not.

    Those that fail about as often as they succeed come first.

    ``runs``: newest first. Looks at as many as have ``TASKS_READ`` tasks, in one query.
    """
    looked, tasks = [], 0
    for run in runs:
        tasks += run.tasks_ended
        if tasks > TASKS_READ:
            break
        if run.status != Run.Status.CANCELLED and run.reason not in NO_FAULT:
            looked.append(run.pk)
    calls = ToolExecution.objects.unscoped().filter(
        task_execution__run__in=looked,
        task_execution__status__in=("succeeded", "failed"),
        ended_at__isnull=False,
    )
    rows = calls.order_by().values_list(
        F("task_execution__name"), "task_execution__agent_id", "tool",
        MD5(Cast("params", TextField())), "status", "task_execution__run", "pk",
    )[:CALLS_AT_MOST]  # fmt: skip
    return _flaky(rows, {pk: number for number, pk in enumerate(looked)})


def _flaky(rows: Iterable[tuple[Any, ...]], age: dict[Any, int]) -> list[Flaky]:
    outcomes: defaultdict[tuple[str, ...], list[tuple[bool, Any, Any]]] = defaultdict(list)
    for task, agent_id, tool, inputs, status, run, pk in rows:
        outcomes[task, agent_id, tool, inputs].append((status != "success", run, pk))
    found = []
    for (task, agent_id, tool, _), seen in outcomes.items():
        failed = [one for one in seen if one[0]]
        if failed and len(failed) < len(seen):
            _, run, pk = min(failed, key=lambda one: (age[one[1]], str(one[2])))
            found.append(Flaky(task, agent_id, tool, len(failed), len(seen), run, pk))
    found.sort(key=lambda one: (-min(one.failed, one.count - one.failed), one.task, one.tool))
    return found[:FLAKY_AT_MOST]


def _share(seconds: float, longest_s: float) -> float:
    """By the square root, so that short runs can be seen beside long ones."""
    share = math.sqrt(seconds / longest_s) if longest_s else 0.0
    return max(round(share, 3), LOWEST / HEIGHT)


def _cost(cost: Decimal | None, dearest: Decimal | None) -> float | None:
    if cost is None:
        return None
    share = float(cost / dearest) if dearest else 0.0
    return max(round(share * COST_HEIGHT, 2), 1.0)
