"""``python -m tests.guards [words...]``: take out the guards whose names hold one of the words, or all.

Exits 1 when a guard survives: its tests pass without it, so they do not test it. ``JOBS`` (2) is how
many are tried at once.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.guards.guard import Guard
from tests.guards.guards import GUARDS
from tests.guards.trial import KILLED, Tree, copied

PROJECT = Path(__file__).resolve().parent.parent.parent
JOBS = int(os.environ.get("JOBS", "2"))


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # make ignores it in the background
    words = sys.argv[1:]
    guards = [g for g in GUARDS if not words or any(word in g.name for word in words)]
    if not guards:
        print(f"No guard has {' or '.join(words)} in its name.")
        return 1
    began = time.monotonic()
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(JOBS)
        stack.callback(pool.shutdown)
        trees = [stack.enter_context(copied(PROJECT)) for _ in range(JOBS)]
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # first, when interrupted
        if not _pass_with_all(trees[0], guards):
            return 1
        left = _survivors(trees, pool, guards)
    seconds = time.monotonic() - began
    print(f"{len(guards) - len(left)} of {len(guards)} guards killed in {seconds:.0f} s.")
    print("".join(f"Nothing noticed that it was gone: {guard.name}\n" for guard in left), end="")
    return 1 if left else 0


def _pass_with_all(tree: Tree, guards: Sequence[Guard]) -> bool:
    """The control: with every guard in its place the same tests pass."""
    tests = list(dict.fromkeys(test for guard in guards for test in guard.tests))
    failures, errors, said = tree.failing(tests, stop=False)
    if failures or errors:
        print(f"The tests do not pass with every guard in its place:\n{said}")
        return False
    print(f"control: the tests of {len(guards)} guards pass with all in their places", flush=True)
    return True


def _survivors(
    trees: Sequence[Tree], pool: ThreadPoolExecutor, guards: Sequence[Guard]
) -> list[Guard]:
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def is_killed(guard: Guard) -> bool:
        tree = free.get()
        began = time.monotonic()
        try:
            became, said = tree.verdict(guard)
        finally:
            free.put(tree)
        seconds = time.monotonic() - began
        print(f"{became:10} {seconds:5.1f} s  {guard.name}\n{said}".rstrip(), flush=True)
        return became == KILLED

    killed = pool.map(is_killed, guards)
    return [guard for guard, was_killed in zip(guards, killed, strict=True) if not was_killed]


if __name__ == "__main__":
    sys.exit(main())
