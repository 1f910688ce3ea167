"""Round after round of each figure: what is compared runs side by side within each round."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.deployment import POSTGRESQL, SQLITE, Deployment, deployment
from benchmarks.figures import (
    commit,
    connects,
    delivery,
    emission,
    group_commit,
    growth,
    resume,
)
from benchmarks.sample import Sample
from benchmarks.servers import field_of_servers
from tests.postgres import binaries

YOUNG_LOG = 1_000  # events


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sockets: tuple[int, ...]
    seconds: float  # of each measurement
    connects: int  # sockets
    missed: int  # events a client resumes over
    log: int  # events of the long log


Figure = Callable[[Effort, int, list[str]], Iterator[Sample]]


def deliveries(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    servers, missing = field_of_servers()
    notes += missing
    with deployment(SQLITE) as deployed:
        for number in range(rounds):
            turn = number % len(servers)  # nobody is always first
            for sockets in effort.sockets:
                for server in [*servers[turn:], *servers[:turn]]:
                    if sockets <= server.most:
                        yield delivery.measure(server, deployed, sockets, effort.seconds)


def commits(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield commit.measure(database, each, effort.seconds)


def emissions(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield from emission.measure(database, each, effort.seconds)


def group_commits(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield from group_commit.measure(database, each, effort.seconds)


def connections(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield connects.measure(database, each, effort.connects)


def resumes(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield resume.measure(database, each, effort.missed)


def growths(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with _deployments(notes) as young, _deployments([]) as old:
        pairs = [
            (database, each, events)
            for database in young
            for each, events in ((young[database], YOUNG_LOG), (old[database], effort.log))
        ]
        for _, each, events in pairs:
            growth.prepare(each, events)
        for _ in range(rounds):
            for database, each, events in pairs:
                yield growth.measure(database, each, events, effort.seconds)


FIGURES: dict[str, Figure] = {
    "delivery": deliveries,
    "commit": commits,
    "emission": emissions,
    "group-commit": group_commits,
    "connects": connections,
    "resume": resumes,
    "growth": growths,
}


@contextmanager
def _deployments(notes: list[str]) -> Iterator[dict[str, Deployment]]:
    """A deployment on each database there is, by name."""
    names = [SQLITE]
    try:
        binaries()
        names.append(POSTGRESQL)
    except SystemExit as missing:
        notes.append(str(missing))
    with ExitStack() as stack:
        yield {name: stack.enter_context(deployment(name)) for name in names}
