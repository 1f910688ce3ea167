"""The text of documents: the text that the run's page shows of a tool call, model call or run.

All of it was redacted before it was stored. A long text is cut to its beginning and its end.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Left, Length, Right

from runs.models import CallText, Handoff, ModelCall, OutputChunk, Run, TaskExecution, ToolExecution
from runs.pages import transcript
from runs.search.models.document import DOCUMENT_TEXT_LIMIT

PARAMETERS_LIMIT = 4_000  # characters of a tool's parameters
HEAD, TAIL = 3_000, 12_000  # characters of a tool's output: errors are at its end
INPUT_TAIL = 6_000  # the newest message; those before are in the calls before
PIECE = 60_000  # characters; no piece of an output is longer
GAP = "\n\u2026\n"  # where the middle of a text is left out
TASKS_LIMIT = 200  # of a run
HANDOFFS_LIMIT = 50


def of_tools(tools: Sequence[ToolExecution]) -> dict[UUID, str]:
    """The texts by primary key. The tools are read with their task executions."""
    outputs = _outputs(tools)
    return {
        tool.pk: _joined(
            tool.tool,
            tool.task_execution.name,
            tool.agent_id,
            _parameters(tool.params)[:PARAMETERS_LIMIT],
            tool.message,
            outputs.get(tool.pk, ""),
        )
        for tool in tools
    }


def of_calls(calls: Sequence[ModelCall]) -> dict[UUID, str]:
    """The texts by primary key. The calls are read with their task executions."""
    asked, answered = _inputs(calls), _answers(calls)
    return {
        call.pk: _joined(
            call.model,
            call.provider,
            call.task_execution.name if call.task_execution else "",
            call.agent_id,
            call.message,
            asked.get(call.pk, ""),
            answered.get(call.pk, ""),
        )
        for call in calls
    }


def of_run(run: Run) -> str:
    """Names, tasks with the reasons of their failures, and handoffs."""
    reported = run.reported.name if run.is_reported else ""
    tasks = TaskExecution.objects.unscoped().filter(run=run).order_by("order")
    handoffs = Handoff.objects.unscoped().filter(run=run).order_by("id")
    return _joined(
        run.crew_name,
        reported,
        run.message,
        *(" ".join(row) for row in tasks.values_list("name", "agent_id", "message")[:TASKS_LIMIT]),
        *handoffs.values_list("message", flat=True)[:HANDOFFS_LIMIT],
    )


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)[:DOCUMENT_TEXT_LIMIT]


def _parameters(value: Any) -> str:
    """The values of parameters with the names that they have, a line each."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_parameters(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "\n".join(map(_parameters, value))
    return "" if value is None else str(value)


def _outputs(tools: Sequence[ToolExecution]) -> dict[UUID, str]:
    """Beginning and end of each output, as a terminal shows it."""
    lengths = {tool.pk: tool.output_length for tool in tools if tool.output_length}
    at_ends = Q(offset__lt=HEAD) | Q(offset__gt=F("execution__output_length") - TAIL - PIECE)
    chunks = OutputChunk.objects.unscoped().filter(at_ends, execution__in=lengths)
    texts = _ends(chunks, "execution", "output_length", HEAD, TAIL, lengths)
    return {pk: transcript.plain(text) for pk, text in texts.items()}


def _inputs(calls: Sequence[ModelCall]) -> dict[UUID, str]:
    lengths = {call.pk: call.input_length for call in calls if call.input_length}
    pieces = CallText.objects.unscoped().filter(part=CallText.Part.INPUT, call__in=lengths)
    return _ends(pieces, "call", "input_length", 0, INPUT_TAIL, lengths)


def _answers(calls: Sequence[ModelCall]) -> dict[UUID, str]:
    lengths = {call.pk: call.output_length for call in calls if call.output_length}
    pieces = CallText.objects.unscoped().filter(part=CallText.Part.OUTPUT, call__in=lengths)
    return _ends(pieces, "call", "output_length", HEAD, TAIL, lengths)


def _ends(
    pieces: QuerySet, of: str, length: str, head: int, tail: int, lengths: dict[UUID, int]
) -> dict[UUID, str]:
    """The first ``head`` and the last ``tail`` characters of texts that are stored in pieces.

    ``of`` is the field of the record that has the text, ``length`` that record's field of the
    text's length. The database cuts the pieces, so that no more than this is read.
    """
    if not lengths:
        return {}
    first = pieces.filter(offset__lt=head).annotate(kept=Left("text", max(head, 1)))
    end = F("offset") + Length("text")
    last = pieces.annotate(end=end, kept=Right("text", tail)).filter(
        end__gt=F(f"{of}__{length}") - tail
    )
    heads, tails = (dict.fromkeys(lengths, "") for _ in range(2))
    for found, rows in ((heads, first if head else first.none()), (tails, last)):
        for pk, text in rows.order_by(of, "offset").values_list(of, "kept"):
            found[pk] += text
    texts = {}
    for pk, total in lengths.items():
        begin = heads[pk][: min(head, max(total - tail, 0))]
        gap = GAP if total > head + tail and head else ""
        texts[pk] = f"{begin}{gap}{tails[pk][-tail:]}"
    return texts
