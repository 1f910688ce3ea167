"""Reads parts of tools' output. Offsets and lengths are in characters (code points)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from runs.models import OutputChunk, ToolExecution

# ECMA-48: control sequences, strings ended by BEL or ST, other escapes; the last may be incomplete.
# The length of a string is limited, so that one without an end hides nothing.
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)"
    r"|[\]PX^_][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)"
    r"|[ -/]*(?:[0-~]|$))"
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
OVERWRITTEN = re.compile(r"^.*\r(?=[^\r\n])", re.MULTILINE)  # in a line that a progress bar redraws


def read(
    execution: ToolExecution, start: int = 0, *, at_most: int | None = None
) -> tuple[int, str]:
    """Return ``(offset, text)``: the output from ``start``, or its last ``at_most`` characters."""
    if at_most is not None:
        start = max(start, execution.output_length - at_most)
    chunks = execution.output_chunks.order_by("offset")
    before = chunks.filter(offset__lte=start).values_list("offset", flat=True).last() or 0
    text = "".join(chunks.filter(offset__gte=before).values_list("text", flat=True))
    return min(start, before + len(text)), text[start - before :]


def tails(executions: Sequence[ToolExecution], characters: int) -> dict[Any, str]:
    """Return the last ``characters`` of each execution's output, by primary key, in one query."""
    own = OutputChunk.objects.filter(
        execution=OuterRef("execution"),
        offset__lte=OuterRef("execution__output_length") - characters,
    )
    begin = Coalesce(Subquery(own.order_by("-offset").values("offset")[:1]), 0)
    chunks = OutputChunk.objects.unscoped().filter(execution__in=executions, offset__gte=begin)
    texts: defaultdict[Any, list[str]] = defaultdict(list)
    for pk, text in chunks.order_by("execution", F("offset")).values_list("execution", "text"):
        texts[pk].append(text)
    return {pk: "".join(pieces)[-characters:] for pk, pieces in texts.items()}


def tails_until(executions: Sequence[ToolExecution], characters: int) -> dict[Any, str]:
    """The same as `tails`, of outputs that end at the ``output_length`` of these instances."""
    texts = dict.fromkeys((execution.pk for execution in executions), "")
    chosen = Q(pk=None)
    for execution in executions:
        end = execution.output_length
        start = max(end - characters, 0)
        own = OutputChunk.objects.filter(execution=execution.pk, offset__lte=start)
        begin = Coalesce(Subquery(own.order_by("-offset").values("offset")[:1]), 0)
        chosen |= Q(execution=execution.pk, offset__lt=end, offset__gte=begin)
    chunks = OutputChunk.objects.unscoped().filter(chosen).order_by("execution_id", "offset")
    ends = {execution.pk: execution.output_length for execution in executions}
    for pk, offset, text in chunks.values_list("execution", "offset", "text") if ends else ():
        texts[pk] += text[: ends[pk] - offset]
    return {pk: text[-characters:] for pk, text in texts.items()}


def needs_terminal(output: str) -> bool:
    """Whether ``output`` has controls other than line ends and tabs."""
    return CONTROLS.search(output.replace("\r\n", "\n")) is not None


def plain(output: str) -> str:
    """Return the text of ``output``, quickly: for the search, and until the page's terminal draws.

    Escape sequences are removed. Lines that begin again are in their last state. Movements of the
    cursor are not followed.
    """
    text = ESCAPES.sub("", output).replace("\r\n", "\n")
    text = OVERWRITTEN.sub("", text)
    return CONTROLS.sub("", text.replace("\r", ""))
