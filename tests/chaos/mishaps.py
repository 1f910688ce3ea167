"""The faults that the work meets: what each may cost, and which line of the log reports it."""

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
import psycopg
from django.db import connection

from crews.models import Crew
from realtime.models import Event
from runs.models import Run
from runs.tools.removal import remove_tree
from tests import postgres
from tests.chaos.deployment import Deployment, small_disk
from tests.chaos.work import give_scripts
from tests.live import eventually

LOST, DONE = "worker_lost", "succeeded"
HELD_S = (1.0, 4.0)  # how long a fault lasts that we end ourselves
FROZEN_S = 60.0  # at most
NO_DATABASE = "did not answer"  # say those who need it
AWAKE_S = 2.0  # what a worker that wakes up gets to do something wrong


@dataclass(frozen=True)
class Mishap:
    """``strike`` returns when the fault is over, as far as the deployment does not heal it
    itself.
    """

    name: str
    strike: Callable[[Deployment, random.Random], None]
    said: str = ""  # a pattern in what the processes write
    costs_one: str = ""  # how one run ends at least, or the fault came too late
    may_cost: tuple[str, ...] = ()  # how others may end that do not succeed
    task_s: float = 1.0  # each of a run's two tasks takes
    runs: int = 4  # asked for at once
    queued: int = 0  # of them still waiting when it strikes


def _kill(*names: str) -> Callable[[Deployment, random.Random], None]:
    def strike(deployment: Deployment, rng: random.Random) -> None:
        programs = deployment.programs()
        for name in names:
            programs[name].kill()

    return strike


def _signal(name: str) -> Callable[[Deployment, random.Random], None]:
    def strike(deployment: Deployment, rng: random.Random) -> None:
        deployment.programs()["worker"].send_signal(signal.Signals[name])

    return strike


def _kill_child(deployment: Deployment, rng: random.Random) -> None:
    """One that is at work, if it still is when the signal comes."""
    busy = [child for child in deployment.pool() if child.children()]
    rng.choice(busy or deployment.pool()).kill()


def _freeze(deployment: Deployment, rng: random.Random) -> None:
    """The worker with its pool, until its runs are lost, another worker has received them, and
    none of their tools is running.
    """
    frozen = _suspend(deployment)
    held = [str(pk) for pk in Run.objects.filter(status="running").values_list("pk", flat=True)]
    with deployment.second_worker():
        eventually(lambda: not Run.objects.active().filter(pk__in=held).exists(), FROZEN_S)
        for run_id in held:
            deployment.deliver(run_id)
        eventually(lambda: not deployment.at_work(), FROZEN_S)
        before = _events_of_runs()
        for process in frozen:
            process.resume()
        time.sleep(AWAKE_S)
        assert _events_of_runs() == before, "the worker that woke up has written"


def _events_of_runs() -> list[tuple[str, int, str]]:
    """All events except signals: those also report workers that come and go."""
    events = Event.objects.exclude(type="signal").order_by("stream", "seq")
    return list(events.values_list("stream", "seq", "type"))


def _suspend(deployment: Deployment) -> list[psutil.Process]:
    """Freeze the worker, on SQLite at a moment when none of its processes holds the write lock.

    Nothing takes that lock from a frozen process; PostgreSQL does so.
    """
    processes = [deployment.programs()["worker"], *deployment.pool()]
    while True:
        for process in processes:
            process.suspend()
        if connection.vendor != "sqlite" or _can_write(connection.settings_dict["NAME"]):
            return processes
        for process in processes:
            process.resume()


def _can_write(database: str) -> bool:
    with closing(sqlite3.connect(database, timeout=0.5)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


def _hang_redis(deployment: Deployment, rng: random.Random) -> None:
    redis = deployment.programs()["redis"]
    redis.suspend()
    time.sleep(rng.uniform(*HELD_S))
    redis.resume()


def _flush(deployment: Deployment, rng: random.Random) -> None:
    with deployment.redis() as client:
        client.flushall()


def _fill_disk(deployment: Deployment, rng: random.Random) -> None:
    """With bytes and with files, so that neither is anything written nor a workspace made."""
    ballast = deployment.workspaces / "ballast"
    ballast.mkdir()
    with suppress(OSError), (ballast / "bytes").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    with suppress(OSError):
        for number in count():
            (ballast / str(number)).touch()
    deployment.request(Crew.objects.get().pk)
    time.sleep(rng.uniform(*HELD_S))
    remove_tree(ballast)


def _use_memory(deployment: Deployment, rng: random.Random) -> None:
    """In one more run of the same crew."""
    crew = Crew.objects.get()
    give_scripts(crew, "exec python3 -c 'x = bytearray(1 << 30)'", "exit")
    deployment.request(crew.pk)


def _restart(deployment: Deployment, rng: random.Random) -> None:
    connection.close()
    postgres.restart(Path(connection.settings_dict["HOST"]))


def _use_connections(deployment: Deployment, rng: random.Random) -> None:
    """All that are left, and those that become free, until one who needs a new one was refused."""
    params = connection.get_connection_params() | {"cursor_factory": None}
    written = len(deployment.log())
    with ExitStack() as held:

        def somebody_was_refused() -> bool:
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(closing(psycopg.connect(**params)))
            return NO_DATABASE in deployment.log(written)

        eventually(somebody_was_refused, FROZEN_S)
        time.sleep(rng.uniform(*HELD_S))


# Long enough that those asked for last still wait on a busy machine, and more of them than the
# workers have fetched already.
WAITING = {"runs": 16, "queued": 8, "task_s": 3}
WORKER_ENDED = "exited: worker "
MISHAPS = [
    Mishap("worker: kill -9", _kill("worker"), WORKER_ENDED, costs_one=LOST),
    Mishap(
        "child of the worker's pool: kill -9",
        _kill_child,
        r"ForkPoolWorker-\d+' pid:\d+ exited with 'signal 9",
        costs_one=LOST,
    ),
    Mishap("worker: SIGSTOP past the lease", _freeze, "was taken away", costs_one=LOST, task_s=60),
    Mishap("worker: SIGTERM", _signal("SIGTERM"), WORKER_ENDED),
    Mishap("worker: SIGQUIT", _signal("SIGQUIT"), WORKER_ENDED, costs_one=LOST),
    Mishap("scheduler: kill -9", _kill("scheduler"), "exited: scheduler "),
    Mishap("worker and scheduler: kill -9", _kill("worker", "scheduler"), WORKER_ENDED, LOST),
    Mishap("Redis: kill -9", _kill("redis"), "exited: redis "),
    Mishap("Redis: kill -9 with runs waiting", _kill("redis"), "announced again", **WAITING),
    Mishap("Redis: SIGSTOP", _hang_redis),
    Mishap("Redis: FLUSHALL", _flush, "announced again", **WAITING),
    Mishap(
        "disk full",
        _fill_disk,
        "is done: no_workspace",
        costs_one="task_failed",
        may_cost=("no_workspace",),
    ),
    Mishap("script out of memory", _use_memory, "is done: task_failed", costs_one="task_failed"),
]
POSTGRES_MISHAPS = [
    Mishap("PostgreSQL: immediate restart", _restart, NO_DATABASE),
    Mishap("PostgreSQL: max_connections", _use_connections, NO_DATABASE, **WAITING),
]


def mishaps(directory: Path) -> list[Mishap]:
    """Those that can happen here, on the database of this test."""
    possible = [*MISHAPS, *(POSTGRES_MISHAPS if connection.vendor == "postgresql" else [])]
    if not small_disk(directory):
        print("No disk of its own can be had here, so none is filled.")
        possible = [mishap for mishap in possible if mishap.strike is not _fill_disk]
    return possible
