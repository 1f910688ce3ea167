"""``python -m tests.guards [words...]``: take out the guards whose names hold one of the words, or all.

Exits 1 unless every guard is killed. One that survives is not tested: its tests pass without it.
``JOBS`` (2) is how many are tried at once. Ctrl-C or SIGTERM ends the tests that are under way, with
all that they have started, and removes the copies they run in.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.guards.guard import PROJECT, Guard
from tests.guards.guards import GUARDS
from tests.guards.trial import Outcome
from tests.guards.trials import Trials

JOBS = int(os.environ.get("JOBS", "2"))
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(words: Sequence[str], *, listed: Sequence[Guard] = GUARDS, project: Path = PROJECT) -> int:
    for number in STOPPING:  # also SIGINT, which a shell ignores for what it runs in the background
        signal.signal(number, _stop)
    guards = [g for g in listed if not words or any(word in g.name for word in words)]
    if not guards:
        print(f"No guard has {' or '.join(words)} in its name.")
        return 1
    began = time.monotonic()
    outcomes: dict[Guard, Outcome] = {}
    try:
        _try(guards, outcomes, project)
    finally:
        _tell(outcomes, asked=len(guards), seconds=time.monotonic() - began)
    return 0 if set(outcomes.values()) == {Outcome.KILLED} else 1


def _try(guards: list[Guard], outcomes: dict[Guard, Outcome], project: Path) -> None:
    """Fill in ``outcomes``, and tell of each as it comes."""
    with Trials(project, jobs=JOBS) as trials:
        without_control, said = trials.control(guards)
        outcomes.update(dict.fromkeys(without_control, Outcome.NO_VERDICT))
        if without_control:
            names = "".join(f"  {guard.name}\n" for guard in without_control)
            print(f"{said}\nTheir tests do not pass with every guard in its place:\n{names}")
        tried = [guard for guard in guards if guard not in outcomes]
        print(
            f"control: the tests of {len(tried)} guards pass with all in their places", flush=True
        )
        for number, verdict in enumerate(trials.verdicts(tried), 1):
            guard, outcome, seconds, said = verdict
            outcomes[guard] = outcome
            line = f"{number:3}/{len(tried)} {outcome:10} {seconds:5.1f} s  {guard.name}\n{said}"
            print(line.rstrip(), flush=True)


def _tell(outcomes: dict[Guard, Outcome], *, asked: int, seconds: float) -> None:
    print(f"\n{len(outcomes)} of {asked} guards in {seconds:.0f} s")
    for outcome in Outcome:
        of_it = [guard.name for guard in outcomes if outcomes[guard] == outcome]
        print(f"{outcome:10} {len(of_it):4}")
        for name in of_it if outcome != Outcome.KILLED else ():
            print(f"           {name}")
    sys.stdout.flush()


def _stop(number: int, _: FrameType | None) -> NoReturn:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)  # ending takes seconds, and once is enough
    os.write(1, b"Stopping ...\n")  # not `print`, which may be at work in the interrupted thread
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
