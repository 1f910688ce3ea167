"""Two runs of a crew, side by side, read with a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import TextField
from django.db.models.functions import MD5, Cast
from django.utils import timezone

from runs.models import ModelCall, Run, TaskExecution, ToolExecution
from runs.pages import budget_rows, terminal, transcript
from runs.pages.budget_rows import BudgetRow
from runs.pages.compared_steps import (
    ComparedStep,
    ComparedTask,
    Divergence,
    StepPair,
    TaskPair,
    aligned,
    first_divergence,
    keyed,
)
from runs.pages.output_diff import Diff, diff
from runs.pages.refused_steps import refused_steps

TASKS_AT_MOST = 300  # of each run
STEPS_AT_MOST = 1_000  # tool calls of each run, and as many model calls
OUTPUT_CHARS = 200_000  # of each output, its end
PARAM_CHARS = 4_000
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


@dataclass(frozen=True, slots=True)
class Shown:
    """One step of both runs with all that differs."""

    task: TaskPair
    step: StepPair
    params: list[tuple[str, str, str]]  # name, first, second: where they differ
    output: Diff | None  # None: one of them has none


class Comparison:
    """``before`` and ``after`` are runs of the same crew.

    ``at``: the step that is shown in full.
    """

    def __init__(self, before: Run, after: Run, *, at: str = "") -> None:
        self.before, self.after, self._at = before, after, at
        self.is_cut = False
        self._read()

    @property
    def figures(self) -> list[Figure]:
        both = (self.before, self.after)
        tasks = [
            sum(bool((task := side(pair)) and task.started_at) for pair in self.pairs)
            for side in (_old, _new)
        ]
        found = [Figure("Duration", "seconds", *(run.duration_s for run in both))]
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
            zip(*budget_rows.of_runs([self.before, self.after], timezone.now()), strict=True)
        )

    @cached_property
    def divergence(self) -> Divergence | None:
        return first_divergence(self.pairs)

    @property
    def is_going_on(self) -> list[Run]:
        return [run for run in (self.before, self.after) if not run.is_over]

    @cached_property
    def shown(self) -> Shown | None:
        """The step that the address names, else the first one that differs."""
        found = self._named() or (self.divergence and self.divergence.step and self.divergence)
        if not found or not (found.step.before and found.step.after):
            return None
        step = found.step
        if step.either.kind != "tool":
            return Shown(found.task, step, [], None)
        rows = {
            tool.pk: tool for tool in self._tools().filter(pk__in=[step.before.id, step.after.id])
        }
        if len(rows) < 2:  # deleted meanwhile
            return None
        tools = [rows[step.before.id], rows[step.after.id]]
        params = _params(*(tool.params for tool in tools))
        if not all(tool.output_length for tool in tools):
            return Shown(found.task, step, params, None)
        texts = transcript.tails_until(tools, OUTPUT_CHARS)
        output = diff(*(terminal.settled(texts[tool.pk]) for tool in tools))
        return Shown(found.task, step, params, output)

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
        read = list(rows.order_by("order", "started_at")[: 2 * TASKS_AT_MOST + 1])
        self.is_cut |= len(read) > 2 * TASKS_AT_MOST
        for row in read[: 2 * TASKS_AT_MOST]:
            executions[row.run_id].append(row)
        ids = [{row.task_id for row in own} for own in executions.values()]
        shared = set.intersection(*ids)
        refused = refused_steps(executions, 2 * STEPS_AT_MOST)
        sides = [
            _tasks(run, executions[run.pk], self._steps(run, refused[run.pk]), shared)
            for run in (self.before, self.after)
        ]
        self.pairs = aligned(*sides)

    def _steps(
        self, run: Run, refused: Iterable[tuple[Any, ComparedStep]]
    ) -> dict[Any, list[ComparedStep]]:
        """The steps of each task execution, in the order of their start.

        Model calls outside tasks have the id of their agent as the key.
        """
        inputs = MD5(Cast("params", TextField()))
        tools = self._tools().filter(task_execution__run=run).order_by("started_at", "id")
        read = [
            (task, ComparedStep(pk, "tool", tool, status, began, ended, code, digest, length))
            for task, pk, tool, status, began, ended, code, digest, length in tools.values_list(
                "task_execution", "pk", "tool", "status", "started_at", "ended_at", "exit_code",
                inputs, "output_length",
            )[: STEPS_AT_MOST + 1]
        ]  # fmt: skip
        calls = [
            (call.task_execution_id or call.agent_id, _call(call)) for call in self._calls(run)
        ]
        self.is_cut |= max(len(read), len(calls)) > STEPS_AT_MOST
        found: dict[Any, list[ComparedStep]] = {}
        own = [*read[:STEPS_AT_MOST], *calls[:STEPS_AT_MOST], *refused]
        for task, step in sorted(own, key=lambda one: (one[1].started_at, one[1].id)):
            found.setdefault(task, []).append(step)
        return found

    @staticmethod
    def _calls(run: Run) -> Iterable[ModelCall]:
        if not run.is_reported:
            return []
        return run.calls.order_by("started_at", "id")[: STEPS_AT_MOST + 1]

    @staticmethod
    def _tools() -> Any:
        return ToolExecution.objects.unscoped()


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
    known = [count for count in (call.input_tokens, call.output_tokens) if count is not None]
    return ComparedStep(
        call.pk, "call", call.model or "model", call.status, call.started_at, call.ended_at,
        tokens=sum(known) if known else None, cost_usd=call.cost_usd,
    )  # fmt: skip


def _params(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    names = dict.fromkeys([*before, *after])
    return [
        (name, _text(before.get(name)), _text(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else repr(value)
    return text if len(text) <= PARAM_CHARS else f"{text[:PARAM_CHARS]} …"


def _old(pair: TaskPair) -> ComparedTask | None:
    return pair.before


def _new(pair: TaskPair) -> ComparedTask | None:
    return pair.after
