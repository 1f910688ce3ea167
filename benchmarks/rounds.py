"""Round after round of each figure: what is compared runs side by side within each round."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployment import POSTGRESQL, SQLITE, Deployment, deployment
from benchmarks.figures import (
    browser_moments,
    browser_pages,
    commit,
    connects,
    controls,
    delivery,
    emission,
    group_commit,
    growth,
    growth_pages,
    ingest,
    prefect,
    resume,
    sdk,
    search,
    traces,
    tracing,
    wire,
)
from benchmarks.line_process import LineProcess
from benchmarks.processes import PROJECT
from benchmarks.sample import Sample
from benchmarks.servers import FASTAPI, OURS, field_of_servers
from tests.postgres import binaries

YOUNG_LOG = 1_000  # events
PREFECT_CANCELS = 3  # each may take 40 s
WIRE_SOCKETS = 1_000  # at most; with more, a hub that compresses for each of them falls behind


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sockets: tuple[int, ...]
    seconds: float  # of each measurement
    connects: int  # sockets
    missed: int  # events a client resumes over; spans that a program sends
    log: int  # events of the long log
    controls: int  # requests of each kind
    runs: int  # of the database whose pages are asked for
    documents: int  # of the search index
    old: Path | None = None  # a checkout of another commit, whose pages are measured beside


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


def wires(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    cases = [(OURS, form) for form in wire.FORMS]
    if FASTAPI in field_of_servers()[0]:
        cases.append((FASTAPI, "JSON, deflate"))
    with deployment(SQLITE) as deployed:
        for number in range(rounds):
            turn = number % len(cases)
            for sockets in (n for n in effort.sockets if n <= WIRE_SOCKETS):
                for server, form in [*cases[turn:], *cases[:turn]]:
                    yield wire.measure(server, deployed, form, sockets, effort.seconds)


def commits(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield commit.measure(database, each, effort.seconds)


def emissions(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield from emission.measure(database, each, effort.seconds)


def group_commits(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield from group_commit.measure(database, each, effort.seconds)


def ingests(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield from ingest.measure(database, each, effort.seconds)


def spans(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield traces.measure(database, each, effort.missed)


def stored_spans(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    peers = [peer for peer in tracing.PEERS if peer.command.exists()]
    notes += [peer.missing for peer in tracing.PEERS if peer not in peers]
    for _ in range(rounds):
        with deployment(SQLITE) as deployed:
            yield tracing.measure_ours(deployed)
        yield from map(tracing.measure, peers)


def hosts(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    with deployment(SQLITE) as deployed:
        for _ in range(rounds):
            yield from sdk.measure(deployed)


def steered(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    has_prefect = prefect.PYTHON.exists()
    if not has_prefect:
        notes.append(prefect.MISSING)
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            for database, each in deployed.items():
                yield from controls.measure(database, each, effort.controls)
            if has_prefect:
                yield prefect.measure(PREFECT_CANCELS)


def connections(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
        yield connects.measure(database, each, effort.connects)


def resumes(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database, each in _in_turn(rounds, notes):
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


def pages(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    if not os.environ.get("CHROMIUM"):
        notes.append("No browser for browser-pages: name one with CHROMIUM")
        return
    checkouts = {"now": PROJECT} | ({"old": effort.old} if effort.old else {})
    for _ in range(rounds):
        for name, checkout in checkouts.items():
            with deployment(SQLITE, checkout) as deployed:
                yield from browser_pages.measure(name, deployed, effort.seconds * 4)


def moments(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    if not os.environ.get("CHROMIUM"):
        notes.append("No browser for browser-moments: name one with CHROMIUM")
        return
    for _ in range(rounds):
        with deployment(SQLITE) as deployed:
            yield from browser_moments.measure(deployed)


def grown_pages(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database in _databases(notes):
        with ExitStack() as stack:

            def served(runs: int, *, big: bool = False) -> LineProcess:
                deployed = stack.enter_context(deployment(database))  # noqa: B023
                return stack.enter_context(growth_pages.served(deployed, runs, big=big))

            few, many = served(growth_pages.FEW), served(effort.runs)
            without, big = served(4), served(4, big=True)
            each = [side.read() for side in (few, many, without, big)]
            runs = f"{effort.runs:,} : {growth_pages.FEW} runs"
            for _ in range(rounds):
                yield from growth_pages.measure(f"{database}, {runs}", few, many, each[0])
                yield from growth_pages.measure(
                    f"{database}, {growth_pages.BIG}", without, big, each[2]
                )


def searches(effort: Effort, rounds: int, notes: list[str]) -> Iterator[Sample]:
    for database in _databases(notes):
        with (
            deployment(database) as deployed,
            search.filled(deployed, effort.documents) as process,
        ):
            process.read()
            for _ in range(rounds):
                yield from search.measure(database, effort.documents, process)


FIGURES: dict[str, Figure] = {
    "delivery": deliveries,
    "wire": wires,
    "commit": commits,
    "emission": emissions,
    "group-commit": group_commits,
    "ingest": ingests,
    "traces": spans,
    "tracing": stored_spans,
    "sdk": hosts,
    "controls": steered,
    "connects": connections,
    "resume": resumes,
    "growth": growths,
    "browser-pages": pages,
    "browser-moments": moments,
    "growth-pages": grown_pages,
    "search": searches,
}


def _in_turn(rounds: int, notes: list[str]) -> Iterator[tuple[str, Deployment]]:
    """Each database there is, with its deployment, once a round."""
    with _deployments(notes) as deployed:
        for _ in range(rounds):
            yield from deployed.items()


@contextmanager
def _deployments(notes: list[str]) -> Iterator[dict[str, Deployment]]:
    """A deployment on each database there is, by name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(deployment(name)) for name in _databases(notes)}


def _databases(notes: list[str]) -> list[str]:
    try:
        binaries()
    except SystemExit as missing:
        notes.append(str(missing))
        return [SQLITE]
    return [SQLITE, POSTGRESQL]
