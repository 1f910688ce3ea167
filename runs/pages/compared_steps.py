"""The steps of two runs side by side, by task, agent and step, and the first difference."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from runs.models import Approval
from runs.models.timespan import seconds_between
from runs.pages.sequence_alignment import paired


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """A tool call or a model call of one run. ``inputs``: a digest of a tool's parameters.

    ``waited_s``: until a person approved it; ``None`` if it did not wait. A tool call that was
    denied or expired never began; ``id`` is that of its approval.
    """

    id: UUID
    kind: str  # tool or call
    name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None = None
    inputs: str = ""
    output_length: int = 0  # characters that are stored: of output, or of a model's answer
    tokens: int | None = None
    cost_usd: Decimal | None = None
    waited_s: float | None = None
    approved_by: str = ""  # for members only

    @property
    def duration_s(self) -> float:
        return seconds_between(self.started_at, self.ended_at)

    @property
    def outcome(self) -> tuple[str, int | None]:
        return self.status, self.exit_code

    @property
    def is_refused(self) -> bool:
        return self.status in Approval.REFUSED

    @property
    def href(self) -> str:
        """The element of its run's page."""
        if self.is_refused:
            return f"refused-{self.id}"
        return f"tool-{self.id}" if self.kind == "tool" else f"event-llm_start-{self.id}"


@dataclass(slots=True)
class ComparedTask:
    """A task of one run, with its steps in the order of their start."""

    key: Hashable
    name: str
    agent_id: str
    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps: list[ComparedStep] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return seconds_between(self.started_at, self.ended_at)

    @property
    def is_open(self) -> bool:
        """Whether more steps may come."""
        return self.status in ("running", "pending")


@dataclass(slots=True)
class StepPair:
    """Two aligned steps. One is missing where only the other run has it."""

    number: int
    before: ComparedStep | None
    after: ComparedStep | None
    difference: str = ""  # for people; "": none that counts

    @property
    def is_shown_in_full(self) -> bool:
        """Whether both runs have the call, with its parameters or with stored text."""
        both = (self.before, self.after)
        if not all(one and not one.is_refused for one in both):
            return False
        return self.either.kind == "tool" or any(one.output_length for one in both)

    @property
    def either(self) -> ComparedStep:
        return self.before or self.after


@dataclass(slots=True)
class TaskPair:
    """``number``: its place among the pairs, from 1."""

    before: ComparedTask | None
    after: ComparedTask | None
    steps: list[StepPair] = field(default_factory=list)
    difference: str = ""
    number: int = 0

    @property
    def either(self) -> ComparedTask:
        return self.before or self.after


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference: in a task, and in a step of it, unless the whole task differs."""

    task: TaskPair
    step: StepPair | None
    what: str


def keyed(tasks: Sequence[tuple[Any, str, str]], shared: set[Any]) -> list[Hashable]:
    """Return a key for each task ``(id, agent, name)``: the same for tasks that are compared.

    Tasks of one crew keep their ids from run to run (``shared``). Those of reported runs do not:
    there the n-th task of an agent with a name is compared with the n-th in the other run.
    """
    seen: Counter[tuple[str, str]] = Counter()
    keys: list[Hashable] = []
    for task_id, agent_id, name in tasks:
        seen[agent_id, name] += 1
        keys.append(task_id if task_id in shared else (agent_id, name, seen[agent_id, name]))
    return keys


def aligned(before: list[ComparedTask], after: list[ComparedTask]) -> list[TaskPair]:
    """Pair all tasks of two runs, in the order of their plans."""
    before, after = ([*{task.key: task for task in tasks}.values()] for tasks in (before, after))
    pairs = []
    for i, j in paired([task.key for task in before], [task.key for task in after]):
        pair = TaskPair(None if i is None else before[i], None if j is None else after[j])
        pair.steps = _steps(pair)
        pair.difference = _task_difference(pair)
        pairs.append(pair)
    pairs = _pair_reordered(pairs)
    for number, pair in enumerate(pairs, start=1):
        pair.number = number
    return pairs


def first_divergence(pairs: Sequence[TaskPair]) -> Divergence | None:
    for pair in pairs:
        for step in pair.steps:
            if step.difference:
                return Divergence(pair, step, step.difference)
        if pair.difference:
            return Divergence(pair, None, pair.difference)
    return None


def _pair_reordered(pairs: list[TaskPair]) -> list[TaskPair]:
    """Pair tasks that both runs have in another order."""
    alone = {pair.after.key: pair for pair in pairs if pair.before is None}
    joined = set()
    for pair in pairs:
        other = alone.get(pair.before.key) if pair.before and pair.after is None else None
        if other:
            joined.add(id(other))
            pair.after = other.after
            pair.steps = _steps(pair)
            pair.difference = _task_difference(pair)
    return [pair for pair in pairs if id(pair) not in joined]


def _steps(pair: TaskPair) -> list[StepPair]:
    before = pair.before.steps if pair.before else []
    after = pair.after.steps if pair.after else []
    names = [[(step.kind, step.name) for step in steps] for steps in (before, after)]
    found = [
        (None if i is None else before[i], None if j is None else after[j])
        for i, j in paired(*names)
    ]
    steps = [StepPair(number, old, new) for number, (old, new) in enumerate(found, start=1)]
    if pair.before and pair.after:
        for step in steps:
            step.difference = _step_difference(step, pair)
    return steps


def _step_difference(step: StepPair, pair: TaskPair) -> str:
    old, new = step.before, step.after
    if old is None:
        return "" if pair.before.is_open else "Only in the second run"
    if new is None:
        return "" if pair.after.is_open else "Only in the first run"
    if old.is_refused or new.is_refused:
        return _refusal(old, new)
    if old.inputs != new.inputs:
        return "Other inputs"
    if "running" in (old.status, new.status) or old.outcome == new.outcome:
        return ""
    return "Same inputs, other outcome" if old.kind == "tool" else "Other outcome"


def _refusal(old: ComparedStep, new: ComparedStep) -> str:
    """The difference if at least one of the two calls never began. Its inputs are not compared."""
    if old.is_refused and new.is_refused:
        return "" if old.status == new.status else "Other outcome"
    if old.is_refused:
        return f"{old.status.capitalize()} in the first run"
    return f"{new.status.capitalize()} in the second run"


def _task_difference(pair: TaskPair) -> str:
    old, new = pair.before, pair.after
    if old is None:
        return "Only in the second run"
    if new is None:
        return "Only in the first run"
    if old.is_open or new.is_open or old.status == new.status:
        return ""
    return "Other outcome"
