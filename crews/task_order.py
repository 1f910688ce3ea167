"""The order of a crew's tasks: each begins after those that ``Task.after`` names."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def cycle_in(after: Mapping[Key, Iterable[Key]]) -> list[Key]:
    """Return tasks that wait for each other, or ``[]``.

    ``after``: for each task those that it comes after. In the result each task comes before the
    next, and the last is the first again.
    """
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def cycle_message(names: Sequence[str]) -> str:
    """``names``: of the tasks of a cycle, as `cycle_in` returns them."""
    shown = [*names[:10], "…", names[-1]] if len(names) > 11 else names
    return (
        f"These tasks wait for each other: {' → '.join(shown)}. "
        "None of them could begin. Take one of them out of After."
    )
