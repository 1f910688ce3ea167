"""The step of a comparison that is shown in full: inputs that differ, and what both runs wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runs.models import CallText, ToolExecution
from runs.pages import terminal, transcript
from runs.pages.compared_steps import StepPair, TaskPair
from runs.pages.output_diff import Diff, diff, in_sentences

OUTPUT_CHARS = 200_000  # of each output or answer, its end
PARAM_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One step of both runs with all that differs. Answers of models are for members only."""

    task: TaskPair
    step: StepPair
    params: list[tuple[str, str, str]]  # name, first, second: where they differ
    output: Diff | None  # None: one of them has none

    @property
    def only(self) -> str:
        """The run that has text, ``A`` or ``B``, if the other has none; "" if neither has any."""
        if self.step.before.output_length:
            return "A"
        return "B" if self.step.after.output_length else ""


def shown(task: TaskPair, step: StepPair) -> Shown | None:
    """``None`` if only one run has the step, or if it was deleted meanwhile."""
    if not (step.before and step.after):
        return None
    return _of_tools(task, step) if step.either.kind == "tool" else _of_calls(task, step)


def _of_tools(task: TaskPair, step: StepPair) -> Shown | None:
    found = ToolExecution.objects.unscoped().filter(pk__in=[step.before.id, step.after.id])
    rows = {tool.pk: tool for tool in found}
    if len(rows) < 2:
        return None
    tools = [rows[step.before.id], rows[step.after.id]]
    params = _params(*(tool.params for tool in tools))
    if not all(tool.output_length for tool in tools):
        return Shown(task, step, params, None)
    texts = transcript.tails_until(tools, OUTPUT_CHARS)
    output = diff(*(terminal.settled(texts[tool.pk]) for tool in tools))
    return Shown(task, step, params, output)


def _of_calls(task: TaskPair, step: StepPair) -> Shown | None:
    if not (step.before.output_length and step.after.output_length):
        return Shown(task, step, [], None)
    texts = _answers([step.before.id, step.after.id])
    if not all(texts.values()):
        return None
    return Shown(task, step, [], diff(*(in_sentences(text) for text in texts.values())))


def _answers(calls: Sequence[UUID]) -> dict[UUID, str]:
    """The end of the answer of each model call, in their order, in one query."""
    pieces: dict[UUID, list[str]] = {call: [] for call in calls}
    rows = CallText.objects.unscoped().filter(call__in=calls, part=CallText.Part.OUTPUT)
    for call, text in rows.order_by("call_id", "offset").values_list("call_id", "text"):
        pieces[call].append(text)
    return {call: "".join(own)[-OUTPUT_CHARS:] for call, own in pieces.items()}


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
