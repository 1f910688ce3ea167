"""A storm: writers, clients, web processes and Redis, and faults among them."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import Crew, Task
from realtime import log
from realtime.log import streams
from realtime.models import Event
from runs.models import Run
from tests.chaos.clients import Client, Clients, followers
from tests.chaos.faults import Fault, Fleet, RedisServer, Strike, faults
from tests.chaos.writer import EVENTS_PER_TASK
from tests.live import Process, eventually

CLIENTS = 50
WRITERS_PER_CREW = 2
RATE = 50.0  # events a second, all writers together
WEBS = 2
HEALED_S = 30.0  # longest wait for the clients after a fault; how long it took is in the record
CALM_S = 0.5  # between a healing and the next fault


@dataclass
class Outcome:
    """What a storm came to; ``differences`` names each client whose transcript is not the log's."""

    seed: int
    strikes: list[Strike] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    events: int = 0
    reconnects: Counter[str] = field(default_factory=Counter)  # after a cut or a fault, by form
    compressed: int = 0  # frames that came compressed
    cuts: int = 0
    codes: dict[int, int] = field(default_factory=dict)
    slowest_write_ms: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.events} events to {CLIENTS} clients, {self.cuts} cuts of "
            f"their own, closed by the server: {self.codes or 'none'}; the slowest write took "
            f"{self.slowest_write_ms:.0f} ms",
            f"{self.compressed} frames came compressed; connections that were resumed: "
            f"{dict(self.reconnects)}",
        ]
        return "\n".join([*lines, *map(str, self.strikes), *self.differences])


class Storm:
    """``seconds`` is how long the writers go on; every fault strikes once, in the seed's order."""

    def __init__(self, crews: list[Crew], user: User, directory: Path, seed: int) -> None:
        self._crews = crews
        self._user = user
        self._directory = directory
        self._rng = random.Random(seed)
        self._outcome = Outcome(seed)

    def rage(self, seconds: float) -> Outcome:
        with ExitStack() as stack:
            redis = RedisServer(self._directory)
            stack.callback(redis.stop)
            fleet = Fleet(WEBS, REDIS_URL=redis.url)
            stack.callback(fleet.stop)
            runs = self._runs(seconds)
            clients = stack.enter_context(Clients(self._clients(runs), fleet.ports))
            eventually(lambda: clients.connected() == CLIENTS)
            rate = RATE / len(runs)
            writers = [
                Process(
                    "-m", "tests.chaos.writer", "--run", str(run.pk), "--rate", str(rate),
                    REDIS_URL=redis.url,
                )
                for run in runs
            ]  # fmt: skip
            stack.callback(lambda: [writer.stop() for writer in writers])
            self._strike_all(faults(redis, fleet), clients, fleet)
            eventually(lambda: not any(writer.running for writer in writers), seconds + HEALED_S)
            self._conclude(clients, writers)
        return self._outcome

    def _runs(self, seconds: float) -> list[Run]:
        """Runs with as many tasks as keep their writers busy for so long."""
        writers = WRITERS_PER_CREW * len(self._crews)
        tasks = round(seconds * RATE / writers / EVENTS_PER_TASK)
        for crew in self._crews:
            template = crew.tasks.first()
            for order in range(crew.tasks.count(), tasks):
                Task.objects.create(
                    crew=crew, agent=template.agent, name=f"{order}", order=order,
                    steps=template.steps,
                )  # fmt: skip
        runs = [Run.objects.create(crew=c) for c in self._crews for _ in range(WRITERS_PER_CREW)]
        for run in runs:
            run.start(worker="storm")
        return runs

    def _clients(self, runs: list[Run]) -> list[Client]:
        followed = [streams.graph(crew.pk) for crew in self._crews]
        followed += [streams.run(run.pk) for run in runs]
        token = str(AccessToken.for_user(self._user))
        return followers(followed, CLIENTS, token, self._rng)

    def _strike_all(self, all_faults: list[Fault], clients: Clients, fleet: Fleet) -> None:
        self._rng.shuffle(all_faults)
        names = {transcript.stream for transcript in clients.transcripts}
        start = _heads(names)
        eventually(lambda: _total(_heads(names)) > _total(start))  # the writers are at work
        for fault in all_faults:
            time.sleep(CALM_S)
            self._outcome.strikes.append(self._strike(fault, names, clients, fleet))

    def _strike(self, fault: Fault, names: set[str], clients: Clients, fleet: Fleet) -> Strike:
        hold_s = self._rng.uniform(*fault.hold_s)
        if fault.web is not None:
            port = fleet.ports[fault.web]
            eventually(lambda: clients.connected(port))
        else:
            port = None
        eventually(fault.ready)
        before, dropped = _heads(names), clients.dropped()
        missing, sockets = clients.missing(before), clients.connected(port)
        clients.latest_s()
        begun = time.monotonic()
        fault.strike()
        time.sleep(hold_s)
        fault.mend()
        mended = time.monotonic()
        after = _heads(names)
        eventually(lambda: clients.level_with(after), HEALED_S)
        return Strike(
            fault=fault.name,
            held_s=mended - begun,
            sockets=sockets,
            missing=missing,
            committed=_total(after) - _total(before),
            dropped=clients.dropped() - dropped,
            late_s=clients.latest_s(),
            healed_s=time.monotonic() - mended,
        )

    def _conclude(self, clients: Clients, writers: list[Process]) -> None:
        outcome = self._outcome
        answers = [json.loads(writer.log.read_text().splitlines()[-1]) for writer in writers]
        outcome.slowest_write_ms = max(answer["slowest_ms"] for answer in answers)
        names = {transcript.stream for transcript in clients.transcripts}
        heads = _heads(names)
        outcome.events = _total(heads)
        level: Callable[[], bool] = lambda: clients.level_with(heads)  # noqa: E731
        try:
            eventually(level, HEALED_S)
        except AssertionError:
            outcome.differences.append(f"not level after {HEALED_S} s")
        logged = {
            name: list(
                Event.objects.filter(stream=name).order_by("seq").values_list("body", flat=True)
            )
            for name in names
        }
        for client in clients.clients:
            outcome.reconnects[client.form] += client.cuts + client.dropped
            outcome.compressed += client.compressed
            outcome.cuts += client.cuts
            for code, number in client.codes.items():
                outcome.codes[int(code)] = outcome.codes.get(code, 0) + number
            for transcript in client.transcripts:
                if difference := transcript.differs_from(logged[transcript.stream]):
                    outcome.differences.append(f"{client.form}: {difference}")


def _heads(names: set[str]) -> dict[str, int]:
    return {name: head for name, (_, head) in log.heads(names).items()}


def _total(heads: dict[str, int]) -> int:
    return sum(heads.values())
