"""Which process is killed after which step of which control, in an order that a seed decides."""

import random
from collections.abc import Collection, Iterator
from typing import NamedTuple

PROCESSES = ("web0", "redis", "worker", "child", "scheduler", "program")
OF_CONTROLS = ("requested", "acknowledged", "applied")
STEPS = {
    "pause": OF_CONTROLS,
    "resume": OF_CONTROLS,
    "message": OF_CONTROLS,
    "cancel": OF_CONTROLS,
    "approval": ("requested", "decided", "entered"),
}
ROUNDS_OF_ALL = sum(map(len, STEPS.values()))  # in so many rounds each case comes once


class Case(NamedTuple):
    """``killed``: one of `PROCESSES`, or ``postgres``. ``child``: a process of the worker's pool
    that carries out a task.
    """

    killed: str
    control: str
    step: str

    def __str__(self) -> str:
        return " ".join(self)


def cases(processes: Collection[str], only: str = "") -> list[Case]:
    """All combinations, or those whose text begins with ``only``."""
    found = [
        Case(killed, control, step)
        for killed in processes
        for control, steps in STEPS.items()
        for step in steps
    ]
    return [case for case in found if str(case).startswith(only)]


def rounds(number: int, possible: Collection[Case], seed: int) -> Iterator[list[Case]]:
    """Yield ``number`` rounds. Each kills every process once, in another case than the rounds
    before, until each case has come once. Then it begins again in another order.
    """
    rng = random.Random(seed)
    processes = list(dict.fromkeys(case.killed for case in possible))
    left: dict[str, list[Case]] = {killed: [] for killed in processes}
    for _ in range(number):
        for killed, own in left.items():
            if not own:
                own += [case for case in possible if case.killed == killed]
                rng.shuffle(own)
        yield [left[killed].pop() for killed in rng.sample(processes, len(processes))]
