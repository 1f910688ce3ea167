"""The differences of two outputs, line by line. The work is limited, whatever the outputs are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice

from runs.pages.sequence_alignment import equal_at_start

LINES_AT_MOST = 400  # of each output, without the equal lines at its beginning and end
LINE_CHARS = 400
CONTEXT = 3  # lines before and after a difference
SENTENCES_FROM = 100  # characters of a line
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")


@dataclass(frozen=True, slots=True)
class Line:
    """``kind``: ``same``, ``gone`` (only in the first output), ``new`` or ``place``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Diff:
    lines: list[Line]
    is_cut: bool  # more lines may differ than were compared

    @property
    def is_empty(self) -> bool:
        return not self.lines


KINDS = {" ": "same", "-": "gone", "+": "new", "@": "place"}


def diff(before: str, after: str) -> Diff:
    """Compare two texts.

    The time of `difflib` grows with the square of the number of lines that differ. So equal lines
    at the beginning and at the end are removed first, and of the rest at most ``LINES_AT_MOST``
    lines are compared.
    """
    old, new = before.splitlines(), after.splitlines()
    first = max(equal_at_start(old, new) - CONTEXT, 0)
    old, new = old[first:], new[first:]
    tail = max(equal_at_start(old[::-1], new[::-1]) - CONTEXT, 0)
    # Lines that are equal from both ends must not be removed twice.
    tail = min(tail, len(old), len(new))
    old, new = old[: len(old) - tail], new[: len(new) - tail]
    is_cut = max(len(old), len(new)) > LINES_AT_MOST or _hides(old + new)
    old, new = ([line[:LINE_CHARS] for line in lines[:LINES_AT_MOST]] for lines in (old, new))
    found = islice(unified_diff(old, new, n=CONTEXT, lineterm=""), 2, None)  # without file names
    lines = [_line(text, first) for text in found]
    return Diff(lines, is_cut)


def in_sentences(text: str) -> str:
    """The text with a line for each sentence of a long line, so that all of it is compared."""
    return "\n".join(piece for line in text.splitlines() for piece in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    if len(line) < SENTENCES_FROM:
        yield line
        return
    for sentence in SENTENCE_END.split(line):
        for start in range(0, len(sentence), LINE_CHARS):
            yield sentence[start : start + LINE_CHARS]


def _hides(lines: list[str]) -> bool:
    """Whether two lines differ only where they are too long to be compared."""
    long = {line for line in lines if len(line) > LINE_CHARS}
    return len({line[:LINE_CHARS] for line in long}) < len(long)


def _line(text: str, first: int) -> Line:
    if text.startswith("@@"):
        begin = int(text.split()[2].lstrip("+").partition(",")[0])
        return Line("place", f"From line {first + max(begin, 1)}")
    return Line(KINDS[text[0]], text[1:])
