"""Two runs of a crew, side by side, read with a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.db.models import TextField
from django.db.models.functions import MD5, Cast
from django.utils import timezone

from runs.models import ModelCall, Run, TaskExecution, ToolExecution
from runs.models.usage import total_tokens
from runs.pages import budget_rows, compared_texts
from runs.pages.budget_rows import BudgetRow
from runs.pages.compared_approvals import (
    ApprovalFacts,
    Placed,
    asked_by_run,
    refused_steps,
    with_waits,
)
from runs.pages.compared_facts import Facts, facts_of, requests_by_run
from runs.pages.compared_steps import (
    ComparedStep,
    ComparedTask,
    Divergence,
    TaskPair,
    aligned,
    first_divergence,
    keyed,
)
from runs.pages.compared_texts import Shown

COMPARED_TASKS = 300  # of each run
STEPS_AT_MOST = 1_000  # tool calls of each run, and as many model calls
NO_TASK = "Model calls outside tasks"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of both runs. ``change``: the second one's share of the first, less 1."""

    name: str
    kind: str  # seconds, count or usd
    before: Any
    after: Any

    @property
    def change(self) -> int | None:
        """In percent. ``None`` where one is unknown or the first is 0."""
        if not self.before or self.after is None:
            return None
        return round((Decimal(str(self.after)) / Decimal(str(self.before)) - 1) * 100)


class Comparison:
    """``before`` and ``after`` are runs of the same crew. The reader is a member of it.

    ``at``: the step that is shown in full. ``facts`` are those of both runs.
    """

    facts: list[Facts]
    pairs: list[TaskPair]

    def __init__(self, before: Run, after: Run, *, at: str = "") -> None:
        self.before, self.after, self._at = before, after, at
        self.is_cut = False
        self._read()

    @property
    def figures(self) -> list[Figure]:
        both = (self.before, self.after)
        tasks = [
            sum(bool(task and task.started_at) for task in map(attrgetter(side), self.pairs))
            for side in ("before", "after")
        ]
        lasted = [run.duration_s for run in both]
        found = [Figure("Duration", "seconds", *lasted)]
        if any(facts.paused_s for facts in self.facts):
            worked = zip(lasted, self.facts, strict=True)
            at_work = [max(seconds - facts.paused_s, 0.0) for seconds, facts in worked]
            found.append(Figure("Without pauses", "seconds", *at_work))
        found.append(Figure("Tasks", "count", *tasks))
        if any(run.is_reported for run in both):
            for name, label in (
                ("model_calls", "Model calls"),
                ("input_tokens", "Tokens in"),
                ("output_tokens", "Tokens out"),
            ):
                found.append(Figure(label, "count", *(getattr(run, name) for run in both)))
            found.append(Figure("Cost", "usd", *(run.cost_usd for run in both)))
        return found

    @cached_property
    def budget(self) -> list[tuple[BudgetRow, BudgetRow]]:
        """Each limit of a run that the crew has now, with the use of it by the two runs."""
        return list(
            zip(*budget_rows.rows_of_runs([self.before, self.after], timezone.now()), strict=True)
        )

    @cached_property
    def divergence(self) -> Divergence | None:
        return first_divergence(self.pairs)

    @property
    def active_runs(self) -> list[Run]:
        return [run for run in (self.before, self.after) if not run.is_over]

    @cached_property
    def shown(self) -> Shown | None:
        """The step that the address names, else the first one that differs."""
        found = self._named() or (self.divergence and self.divergence.step and self.divergence)
        return compared_texts.shown(found.task, found.step) if found else None

    def _named(self) -> Divergence | None:
        for pair in self.pairs:
            for step in pair.steps:
                if self._at and self._at in (
                    str(one.id) for one in (step.before, step.after) if one
                ):
                    return Divergence(pair, step, step.difference)
        return None

    def _read(self) -> None:
        executions: dict[Any, list[TaskExecution]] = {self.before.pk: [], self.after.pk: []}
        rows = TaskExecution.objects.unscoped().filter(run__in=executions)
        read = list(rows.order_by("order", "started_at")[: 2 * COMPARED_TASKS + 1])
        self.is_cut |= len(read) > 2 * COMPARED_TASKS
        for row in read[: 2 * COMPARED_TASKS]:
            executions[row.run_id].append(row)
        ids = [{row.task_id for row in own} for own in executions.values()]
        shared = set.intersection(*ids)
        asked, is_more = asked_by_run(executions, 2 * STEPS_AT_MOST)
        self.is_cut |= is_more
        controls, now = requests_by_run(executions), timezone.now()
        sides, self.facts = [], []
        for run in (self.before, self.after):
            own = executions[run.pk]
            sides.append(_tasks(run, own, self._steps(run, own, asked[run.pk]), shared))
            self.facts.append(facts_of(run, controls[run.pk], asked[run.pk], now))
        self.pairs = aligned(*sides)

    def _steps(
        self, run: Run, executions: list[TaskExecution], asked: list[ApprovalFacts]
    ) -> dict[Any, list[ComparedStep]]:
        """The steps of each task execution, in the order of their start.

        Model calls outside tasks have the id of their agent as the key.
        """
        tools = self._tools(run)
        calls = [
            (call.task_execution_id or call.agent_id, _call(call)) for call in self._calls(run)
        ]
        self.is_cut |= max(len(tools), len(calls)) > STEPS_AT_MOST
        own = with_waits(executions, tools[:STEPS_AT_MOST], asked)
        own += [*calls[:STEPS_AT_MOST], *refused_steps(executions, asked)]
        found: dict[Any, list[ComparedStep]] = {}
        for task, step in sorted(own, key=lambda one: (one[1].started_at, one[1].id)):
            found.setdefault(task, []).append(step)
        return found

    @staticmethod
    def _tools(run: Run) -> list[Placed]:
        inputs = MD5(Cast("params", TextField()))
        tools = ToolExecution.objects.unscoped().filter(task_execution__run=run)
        rows = tools.order_by("started_at", "id").values_list(
            "task_execution", "pk", "tool", "status", "started_at", "ended_at", "exit_code",
            inputs, "output_length",
        )  # fmt: skip
        return [
            (task, ComparedStep(pk, "tool", *rest)) for task, pk, *rest in rows[: STEPS_AT_MOST + 1]
        ]

    @staticmethod
    def _calls(run: Run) -> Iterable[ModelCall]:
        if not run.is_reported:
            return []
        return run.calls.order_by("started_at", "id")[: STEPS_AT_MOST + 1]


def _tasks(
    run: Run,
    executions: list[TaskExecution],
    steps: dict[Any, list[ComparedStep]],
    shared: set[Any],
) -> list[ComparedTask]:
    keys = keyed([(row.task_id, row.agent_id, row.name) for row in executions], shared)
    tasks = []
    for key, row in zip(keys, executions, strict=True):
        times = (row.status, row.started_at, row.ended_at)
        tasks.append(ComparedTask(key, row.name, row.agent_id, *times, steps.get(row.pk, [])))
    status = "succeeded" if run.is_over else "running"
    for agent_id, outside in steps.items():
        if isinstance(agent_id, str):
            key = (NO_TASK, agent_id)
            tasks.append(ComparedTask(key, NO_TASK, agent_id, status, steps=outside))
    return tasks


def _call(call: ModelCall) -> ComparedStep:
    return ComparedStep(
        call.pk, "call", call.model or "model", call.status, call.started_at, call.ended_at,
        output_length=call.output_length, tokens=total_tokens(call),
        cost_usd=call.cost_usd,
    )  # fmt: skip
