"""Aligns two sequences. The work is limited, whatever the sequences are."""

from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile

# Entries of each side that `difflib` gets at a time. Where few names come again and again, its time
# grows with the cube of their number.
AT_ONCE = 120


def paired(
    before: Sequence[Hashable], after: Sequence[Hashable]
) -> Iterator[tuple[int | None, int | None]]:
    """Yield each index of both sequences once, in order. Equal entries share a pair."""
    i = j = 0
    for old, new, size in _blocks(before, after):
        yield from ((index, None) for index in range(i, old))
        yield from ((None, index) for index in range(j, new))
        yield from zip(range(old, old + size), range(new, new + size), strict=True)
        i, j = old + size, new + size


def _blocks(
    before: Sequence[Hashable], after: Sequence[Hashable]
) -> Iterator[tuple[int, int, int]]:
    """Yield ``(i, j, size)`` where ``before[i:i + size] == after[j:j + size]``, in order.

    The last block ends where both sequences end; its size may be 0.
    """
    i = j = equal_at_start(before, after)
    yield 0, 0, i
    tail = equal_at_start(before[i:][::-1], after[j:][::-1])
    last_i, last_j = len(before) - tail, len(after) - tail
    while i < last_i and j < last_j:
        old, new = before[i : min(i + AT_ONCE, last_i)], after[j : min(j + AT_ONCE, last_j)]
        *found, _ = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        yield from ((i + a, j + b, size) for a, b, size in found)
        a, b, size = found[-1] if found else (0, 0, 0)
        # What follows the last match may match later entries. At least half of a side is done.
        is_far = min(a, b) + size >= AT_ONCE // 2
        i, j = (i + a + size, j + b + size) if is_far else (i + len(old), j + len(new))
    yield last_i, last_j, tail


def equal_at_start(before: Sequence[Hashable], after: Sequence[Hashable]) -> int:
    """Return the number of equal entries at the beginning."""
    pairs = zip(before, after, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
