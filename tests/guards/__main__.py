"""``python -m tests.guards [words...]``: tries all guards, or those with a word in their name.

Exits 1 unless every guard is killed. If one survives, its tests pass without it. ``JOBS`` (2) are
tried at once. Ctrl-C or SIGTERM ends the running tests with all their processes and removes their
copies of the checkout. ``LIST=1`` only lists the guards.
"""

import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from queue import SimpleQueue
from types import FrameType
from typing import NoReturn

from tests.guards.guarded import guards
from tests.guards.trial import PROJECT, Guard, Outcome, Tree, copied

JOBS = int(os.environ.get("JOBS", "2"))
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(words: Sequence[str]) -> int:
    for number in STOPPING:  # also SIGINT, which a shell ignores for what it runs in the background
        signal.signal(number, _stop)
    chosen = [g for g in guards(PROJECT) if not words or any(word in g.name for word in words)]
    if not chosen or "LIST" in os.environ:
        print("\n".join(guard.name for guard in chosen) or "No guard has that in its name.")
        return not chosen
    began = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    try:
        _try(chosen, outcomes)
    finally:
        others = [f"  {end:10} {name}" for name, end in outcomes.items() if end != Outcome.KILLED]
        killed, seconds = len(outcomes) - len(others), time.monotonic() - began
        head = f"\n{killed} killed of {len(chosen)}, in {seconds:.0f} s"
        print(head, *others, sep="\n", flush=True)
    return int(set(outcomes.values()) != {Outcome.KILLED})


def _try(chosen: Sequence[Guard], outcomes: dict[str, Outcome]) -> None:
    """Fill in ``outcomes``, and print each as it comes."""
    with ExitStack() as stack:
        trees = [stack.enter_context(copied(PROJECT)) for _ in range(JOBS)]
        # Only its threads start processes: a signal interrupts the main one between any two lines.
        pool = stack.enter_context(ThreadPoolExecutor(JOBS))
        for tree in trees:
            stack.callback(tree.interrupt)
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # is called first
        free: SimpleQueue[Tree] = SimpleQueue()
        for tree in trees:
            free.put(tree)
        tests = sorted({test for guard in chosen for test in guard.tests})
        controls = pool.map(lambda tree, n: tree.control(tests[n::JOBS]), trees, range(JOBS))
        passed: list[str] = []
        lines: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        for ran, ran_lines in controls:
            passed += (test for test, end in ran.ends.items() if end == "passed")
            for line, by in ran_lines.items():
                lines[line] |= by
            if ran.outcome != Outcome.SURVIVED:
                print(ran.said)
        print(f"control: {len(passed)} tests pass with every guard in its place", flush=True)

        def attempt(guard: Guard) -> tuple[Guard, Outcome, str]:
            begins = [(f"{path}::", f"{path}/") for path in guard.tests]
            own = [test for begin in begins for test in passed if test.startswith(begin)]
            if not own:
                return guard, Outcome.NO_VERDICT, "None of its tests passes with it."
            file = next(iter(guard.files))
            reach = set().union(*(lines.get((file, line), ()) for line in guard.lines))
            near = [test for test in own if test in reach]
            tree = free.get()
            try:
                ran = tree.trial(guard, (near, [test for test in own if test not in reach]))
            finally:
                free.put(tree)
            unclear = ran.outcome in (Outcome.NO_VERDICT, Outcome.TIMED_OUT)
            return guard, ran.outcome, ran.said if unclear else ""

        for number, future in enumerate(as_completed([pool.submit(attempt, g) for g in chosen]), 1):
            guard, outcome, said = future.result()
            outcomes[guard.name] = outcome
            line = f"{number:3}/{len(chosen)} {outcome:10} {guard.name}\n{said}"
            print(line.rstrip(), flush=True)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)  # ending takes seconds, and once is enough
    os.write(1, b"Stopping ...\n")  # not `print`, which may be at work in the interrupted thread
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
