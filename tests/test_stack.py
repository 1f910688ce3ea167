"""The stack of `make run`: starts, heals whatever is killed, ends without leaving anything
behind.
"""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest
from django.conf import settings

from crewops import stale_processes
from tests import plain_http
from tests.live import eventually
from tests.ports import free_port

START_S = 90.0  # five processes that start at once on a busy machine
HEAL_S = 45.0
END_S = 40.0
PAUSE_S = 0.2  # to look at all processes, and to ask whether all is ready, delays their start
READY = "CrewOps is ready"
# Redis writes in its own form; Celery's farewell comes from a signal handler.
NOT_OURS = re.compile(r"\d+:[\w-]+ |worker: |\s|$")
PROGRAMS = {"redis", "web0", "worker", "scheduler"}


class Stack:
    """A stack on data of its own. ``output`` is the file that holds what it has printed."""

    def __init__(self, var_dir: Path) -> None:
        self.port = free_port()
        self.var_dir = var_dir
        self.output = var_dir / "output"
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "VAR_DIR": str(var_dir),
            "PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "crewops.settings",
        }
        self.command("manage.py", "migrate", "--verbosity", "0", check=True)

    def command(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=settings.BASE_DIR,
            text=True,
            capture_output=True,
            timeout=START_S,
            **options,
        )

    @contextmanager
    def running(self) -> Iterator[psutil.Popen]:
        """The supervisor of a stack that is ready, its output in the file ``output``."""
        with self.output.open("w") as output, self.started(output) as supervisor:
            try:
                eventually(lambda: READY in self.output.read_text(), START_S)
                yield supervisor
            finally:
                print(self.output.read_text())

    @contextmanager
    def started(self, output: IO[str]) -> Iterator[psutil.Popen]:
        supervisor = psutil.Popen(
            [sys.executable, "-m", "crewops.stack"],
            env=self.environment,
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield supervisor
        finally:
            if supervisor.poll() is None:
                supervisor.terminate()
                supervisor.wait(END_S)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes of each program, its main one first."""
        found = {}
        for program, process in stale_processes.running(self.var_dir).items():
            with suppress(psutil.NoSuchProcess):  # it ended as we looked
                found[program] = [process, *process.children(recursive=True)]
        return found

    def has(self, program: str, number: int) -> bool:
        """Whether the program has this many processes, and the stack is ready."""
        return len(self.processes().get(program, [])) == number and self.is_ready()

    def last_seen(self) -> dict[str, str]:
        """When each worker last said that it is alive."""
        with self.database() as database:
            return dict(database.execute("SELECT name, last_seen FROM runs_worker"))

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.var_dir / "crewops.sqlite3")) as connection, connection:
            yield connection

    def is_ready(self) -> bool:
        """Whether database, Redis and a worker are reached, through the web."""
        try:
            return plain_http.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="crewops-stack-") as directory:
        yield Stack(Path(directory))


@pytest.fixture(scope="class")
def running(stack) -> Iterator[Stack]:
    with stack.running():
        yield stack


class TestRunning:
    """What leaves the stack as it was, so that one start is enough."""

    def test_whatever_is_killed_comes_back(self, running):
        assert running.is_ready()
        eventually(lambda: set(running.processes()) == PROGRAMS)
        # The last of a program's processes is, for the worker, a child of its pool.
        for program, place in (
            ("redis", 0),
            ("web0", 0),
            ("worker", -1),
            ("worker", 0),
            ("scheduler", 0),
        ):
            before = running.processes()[program]
            before[place].kill()
            before[place].wait(END_S)
            eventually(partial(running.has, program, len(before)), HEAL_S, pause_s=PAUSE_S)
            assert before[place] not in running.processes()[program]

    def test_the_worker_goes_on_saying_that_it_is_alive(self, running):
        first = running.last_seen()
        eventually(lambda: running.last_seen() != first, HEAL_S)
        assert running.is_ready()

    def test_in_maintenance_nothing_holds_the_database_and_then_all_comes_back(self, running):
        eventually(lambda: set(running.processes()) == PROGRAMS, HEAL_S, pause_s=PAUSE_S)
        running.command("-m", "crewops.maintenance", "begin", check=True)
        assert set(running.processes()) == {"redis"}
        running.command("-m", "crewops.maintenance", "end", check=True)
        eventually(running.is_ready, HEAL_S, pause_s=PAUSE_S)

    def test_a_second_stack_on_the_same_data_is_refused(self, running):
        second = running.command("-m", "crewops.stack")
        assert second.returncode == 1
        assert second.stderr.startswith("CrewOps is already running on the data in")
        assert running.is_ready()


def test_without_a_stack_there_is_no_maintenance(stack):
    refused = stack.command("-m", "crewops.maintenance", "begin")
    assert refused.stderr.startswith("No stack runs on the data in")


@pytest.fixture
def killed_worker(stack) -> Iterator[str]:
    """The name of a worker that did not say that it ends, and counts as alive for a while."""
    with stack.database() as database:
        database.execute(
            "INSERT INTO runs_worker (name, tier, last_seen)"
            " VALUES ('killed', '', strftime('%Y-%m-%d %H:%M:%f', 'now'))"
        )
    yield "killed"
    with stack.database() as database:
        database.execute("DELETE FROM runs_worker")


def ends_by(
    number: int, stack: Stack, supervisor: psutil.Popen, *, left: Collection[str] = ()
) -> None:
    """The signal ends every process; ``left``: workers that never said that they end."""
    processes = supervisor.children(recursive=True)
    assert len(processes) > len(PROGRAMS)
    supervisor.send_signal(number)
    assert supervisor.wait(END_S) == 0
    assert not [process for process in processes if process.is_running()]
    with pytest.raises(httpx.ConnectError):
        plain_http.get(f"http://127.0.0.1:{stack.port}/healthz")
    assert {*stack.last_seen()} == {*left}


# A start takes long, so each of those below is ended by another signal.


def test_a_worker_that_was_killed_before_makes_no_stack_ready(stack, killed_worker):
    with stack.running() as supervisor:
        assert stack.last_seen().keys() > {killed_worker}
        ends_by(signal.SIGINT, stack, supervisor, left=[killed_worker])


def test_a_closed_terminal_ends_every_process(stack):
    """Also where nobody passes its SIGHUP on, as `make` does not to its children."""
    terminal, end = os.openpty()
    with os.fdopen(end, "w") as output, stack.started(output) as supervisor:
        output.close()
        said = b""
        while READY.encode() not in said:
            said += os.read(terminal, 65536)
        processes = supervisor.children(recursive=True)
        assert len(processes) > len(PROGRAMS)
        os.close(terminal)
        assert supervisor.wait(END_S) == 0
        assert not [process for process in processes if process.is_running()]


def test_with_json_every_line_is_an_object_but_those_of_redis(stack, monkeypatch):
    monkeypatch.setitem(stack.environment, "LOG_FORMAT", "json")
    with stack.running() as supervisor:
        eventually(lambda: "Sweeping every" in stack.output.read_text(), HEAL_S)
        ends_by(signal.SIGTERM, stack, supervisor)
    said = defaultdict(list)
    for line in stack.output.read_text().splitlines():
        if not NOT_OURS.match(line):
            entry = json.loads(line)
            said[entry["logger"]].append(entry)
    assert [entry for entry in said["supervisor"] if "spawned: 'web0'" in entry["message"]]
    assert {e["process"] for e in said["runs.management.commands.reap_runs"]} == {"scheduler"}
    assert said["crewops.welcome"]


@pytest.mark.parametrize("debug", [True, False], ids=["run", "serve"])
def test_a_taken_port_is_named_with_its_holder(monkeypatch, stack, debug):
    """On a production site the advice is not `make run`, which makes the demo's accounts."""
    if not debug:
        hosts = {"ALLOWED_HOSTS": "localhost", "ALLOWED_ORIGINS": "http://localhost"}
        of_site = {"DEBUG": "0", "SECRET_KEY": "k" * 50, **hosts}
        monkeypatch.setattr(stack, "environment", stack.environment | of_site)
    with socket.create_server(("127.0.0.1", stack.port)):
        refused = stack.command("-m", "crewops.stack")
    assert refused.returncode == 1
    assert f"Port {stack.port} on 127.0.0.1 cannot be used" in refused.stderr
    assert f"process {os.getpid()} " in refused.stderr
    command = "make run" if debug else "make serve"
    assert f"{command} PORT={stack.port + 1}" in refused.stderr


def test_what_a_killed_supervisor_left_behind_is_ended_by_the_next_stack(stack):
    with stack.running() as supervisor:
        left = supervisor.children(recursive=True)
        supervisor.kill()
        supervisor.wait()
        assert [process for process in left if process.is_running()]
    with stack.running() as supervisor:
        assert "web0 of a stack that was killed" in stack.output.read_text()
        assert not [process for process in left if process.is_running()]
        assert stack.is_ready()
        ends_by(signal.SIGHUP, stack, supervisor)
