"""Runs that wait for a person, until a call resumes them. All adapters store them here."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from .. import context
from ..runs import Run
from ..scope import Agent, Task
from ..tools import Tool

T = TypeVar("T")

WAITING = "Waiting for approval."
KEPT = 200  # runs that wait, of one adapter; above this number the oldest is ended
TOO_MANY = f"It waited for a person, and {KEPT} other runs have begun to wait since then."
REPLACED = "It waited for a person, and another call with the same id now waits instead."
ELSEWHERE = "It waited for a person, and was continued in another run."
ENDED = "It waited for a person, and its run ended."
CANCELLED = "It waited for a person, and was cancelled."


@dataclass(eq=False)
class Pause(Generic[T]):
    """A run that waits, the open parts of it, and what the adapter needs to continue it."""

    run: Run
    owned: bool  # whether the adapter ends the run
    state: T
    parts: Iterable[Agent | Task | Tool]

    def end(self, message: str) -> None:
        """End it: nothing will continue it."""
        for part in self.parts:
            part.end("cancelled", message=message)
        if self.owned:
            self.run.end("cancelled", message=message)


class Waiting(Generic[T]):
    """The pauses of an adapter, by the id that resumes them."""

    def __init__(self) -> None:
        self._pauses: OrderedDict[Hashable, Pause[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._listening: weakref.WeakSet[Run] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._pauses)

    def put(self, id: Hashable, pause: Pause[T]) -> None:
        """Store the pause. End the one that it replaces, and the oldest if there are too many.

        A cancel ends it, because the run does nothing that could raise `Cancelled`. So does the end
        of the run's `with` block.
        """
        if pause.run not in self._listening:
            self._listening.add(pause.run)
            pause.run.controls.at_stop(partial(self._end, pause.run, CANCELLED))
            pause.run.before_end(partial(self._end, pause.run, ENDED))
        with self._lock:
            before = self._pauses.pop(id, None)
            self._pauses[id] = pause
            oldest = self._pauses.popitem(last=False)[1] if len(self._pauses) > KEPT else None
        if before is not None:
            before.end(REPLACED)
        if oldest is not None:
            oldest.end(TOO_MANY)
        if pause.run.stop_requested:
            self._end(pause.run, CANCELLED)

    def _end(self, run: Run, message: str) -> bool:
        """End the pauses of the run. Return False if it has none."""
        with self._lock:
            ids = [id for id, pause in self._pauses.items() if pause.run is run]
            pauses = [self._pauses.pop(id) for id in ids]
        for pause in pauses:
            pause.end(message)
        return bool(pauses)

    def pop(self, id: Hashable) -> Pause[T] | None:
        """Remove and return the pause that the caller resumes, or None if it resumes none.

        The end of a run has ended its parts. A run of the program continues only in its own block.
        """
        with self._lock:
            pause = self._pauses.pop(id, None)
        if pause is None or pause.run.has_ended:
            return None
        if pause.owned or pause.run is context.current_run():
            return pause
        pause.end(ELSEWHERE)
        return None
