"""Many trials, several at a time, each in a copy of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self, TypeVar

from tests.guards.guard import Guard
from tests.guards.trial import Outcome, Ran, Tree, copied

CONTROL_S = 20.0  # for a test with every guard in its place, on average

T = TypeVar("T")


class Verdict(NamedTuple):
    """What became of a guard, after how long, and what there is to say about it."""

    guard: Guard
    outcome: Outcome
    seconds: float
    said: str


class Trials:
    """Copies of ``project``, made on entering. On leaving, also early, what runs in them is ended and
    they are removed.
    """

    def __init__(self, project: Path, *, jobs: int) -> None:
        self._project = project
        self._jobs = jobs

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            trees = [stack.enter_context(copied(self._project)) for _ in range(self._jobs)]
            # Only its threads start processes: a signal interrupts the main one between any two lines.
            self._pool = stack.enter_context(ThreadPoolExecutor(self._jobs))
            stack.callback(self._end, trees)
            self._free: SimpleQueue[Tree] = SimpleQueue()
            for tree in trees:
                self._free.put(tree)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def control(self, guards: Sequence[Guard]) -> tuple[list[Guard], str]:
        """Those whose tests do not all pass with every guard in its place, and what pytest says."""
        tests = sorted({test for guard in guards for test in guard.tests})
        shares = [tests[n :: self._jobs] for n in range(self._jobs) if tests[n :: self._jobs]]

        def run(share: list[str]) -> Ran:
            return self._in_a_tree(lambda tree: tree.run(share, within_s=CONTROL_S * len(share)))

        ran = list(self._pool.map(run, shares))
        passed = {test for test in tests if any(one.passed(test) for one in ran)}
        without = [guard for guard in guards if not passed.issuperset(guard.tests)]
        return without, "".join(one.said for one in ran) if without else ""

    def verdicts(self, guards: Sequence[Guard]) -> Iterator[Verdict]:
        """Of each, as they come."""
        for verdict in as_completed([self._pool.submit(self._try, guard) for guard in guards]):
            yield verdict.result()

    def _try(self, guard: Guard) -> Verdict:
        began = time.monotonic()
        outcome, said = self._in_a_tree(lambda tree: tree.verdict(guard))
        return Verdict(guard, outcome, time.monotonic() - began, said)

    def _in_a_tree(self, work: Callable[[Tree], T]) -> T:
        tree = self._free.get()
        try:
            return work(tree)
        finally:
            self._free.put(tree)

    def _end(self, trees: Sequence[Tree]) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for tree in trees:
            tree.interrupt()
