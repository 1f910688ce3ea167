"""A whole deployment under its supervisor, over the test's database, with a Redis of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import redis
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from crewops import stale_processes
from crewops.redis import socket_path
from runs.execution.worker import execute_run
from runs.models import Worker
from tests import plain_http
from tests.chaos import processes
from tests.live import PROJECT, environment, eventually
from tests.ports import free_port

START_S = 90.0  # five processes that start at once on a busy machine
END_S = 40.0
REQUEST_S = 30.0
DISK_BYTES, DISK_FILES = 32 * 1024 * 1024, 4000
PROGRAMS = {"redis", "web0", "worker", "scheduler"}


class Deployment:
    """``make run``'s processes.

    ``user`` is whom the requests come from; ``variables`` are settings.

    The workspaces are on a small disk of their own, which no one else sees, where that can be had.
    """

    def __init__(self, directory: Path, user: User, **variables: str) -> None:
        self.directory = directory
        self._disk = directory / "workspaces"
        self.lease_s = float(variables.get("RUN_LEASE_S", settings.RUN_LEASE_S))
        self.sweep_s = float(variables.get("REAPER_INTERVAL_S", settings.REAPER_INTERVAL_S))
        self.port = free_port()
        self._user = user
        self._others: list[psutil.Process] = []
        self._output = directory / "output"
        self._environment = environment(
            VAR_DIR=str(directory),
            SECRET_KEY=settings.SECRET_KEY,
            PORT=str(self.port),
            WEB_CONCURRENCY="1",
            **variables,
        )

    def __enter__(self) -> Self:
        processes.adopt_orphans()
        self._bystanders = processes.below()
        self._disk.mkdir()
        with self._output.open("w") as output:
            self._supervisor = subprocess.Popen(
                [*(small_disk(self._disk) or ()), sys.executable, "-m", "crewops.stack"],
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            eventually(lambda: "CrewOps is ready" in self.log(), START_S)
        except BaseException as failure:
            self.__exit__(type(failure))
            raise
        return self

    def __exit__(self, failure: type[BaseException] | None, *exc_info: object) -> None:
        if failure:
            print(self.log())
        for process in processes.below(self._supervisor.pid):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)  # a frozen one would not hear of the end
        self._supervisor.terminate()
        try:
            self._supervisor.wait(END_S)
        finally:
            for process in self._mine():
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    @property
    def workspaces(self) -> Path:
        """Their directory, as the deployment sees it."""
        return Path(f"/proc/{self._supervisor.pid}/root{self._disk}")

    def log(self, since: int = 0) -> str:
        """What all processes have written after the first ``since`` characters."""
        return self._output.read_text(errors="replace")[since:]

    def request(self, crew_id: object) -> str:
        """Ask for a run as a client does; its id."""
        answer = self.post(f"/api/crews/{crew_id}/runs/")
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return plain_http.post(
            f"http://127.0.0.1:{self.port}{path}",
            json=body,
            headers={"Authorization": f"Bearer {AccessToken.for_user(self._user)}"},
            timeout=REQUEST_S,
        )

    def is_ready(self) -> bool:
        """Whether all programs run, the worker reported since its start, database and Redis answer."""
        try:
            ready = plain_http.get(f"http://127.0.0.1:{self.port}/readyz", timeout=REQUEST_S)
        except httpx.TransportError:
            return False
        programs = self.programs()
        if ready.status_code != 200 or not programs.keys() >= PROGRAMS:
            return False
        started = datetime.fromtimestamp(programs["worker"].create_time(), UTC)
        return Worker.objects.filter(name__startswith="celery@", last_seen__gt=started).exists()

    def programs(self) -> dict[str, psutil.Process]:
        return stale_processes.running(self.directory)

    def pool(self) -> list[psutil.Process]:
        """The children of the worker's main process; tools are below them."""
        return children(self.programs()["worker"])

    def at_work(self) -> set[psutil.Process]:
        """What is no program and not in a worker's pool: launchers, tools, whatever got away."""
        waited_for = {*self._bystanders, *self._others}
        processes.bury({self._supervisor.pid, *(process.pid for process in waited_for)})
        programs = [*children(psutil.Process(self._supervisor.pid)), *self._others]
        standing = {*programs, *(child for program in programs for child in children(program))}
        standing |= {psutil.Process(self._supervisor.pid), *processes.fork_servers(standing)}
        return self._mine() - standing

    def _mine(self) -> set[psutil.Process]:
        """All below us that was not there before; a database that was restarted is."""
        return {p for p in processes.below() - self._bystanders if _name(p) != "postgres"}

    @property
    def redis_url(self) -> str:
        return f"unix://{socket_path(self.directory)}"

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    @contextmanager
    def second_worker(self) -> Iterator[None]:
        """One more, of another name, that takes runs from the same queue."""
        argv = ["-m", "celery", "-A", "crewops", "worker", "-n", "second@%h", "-c", "2"]
        worker = psutil.Popen(
            [sys.executable, *argv],
            cwd=PROJECT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._others = [worker]
        try:
            alive = Worker.objects.alive().filter(name__startswith="second@")
            eventually(alive.exists, START_S)
            yield
        finally:
            worker.terminate()
            worker.wait(END_S)
            self._others = []

    def deliver(self, run_id: object) -> None:
        """Send the run to the workers again, as a broker does that delivers a message twice."""
        broker = self.redis_url.replace("unix://", "redis+socket://")
        with execute_run.app.connection_for_write(url=broker) as connection:
            execute_run.apply_async([str(run_id)], connection=connection)


def small_disk(directory: Path) -> list[str] | None:
    """What to put before a command so that it finds an empty disk of its own at ``directory``."""
    options = f"size={DISK_BYTES},nr_inodes={DISK_FILES},mode=755"
    mount = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    prefix = ["unshare", *user, "--mount", "sh", "-c", mount, str(directory)]
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    assert "CI" not in os.environ or not tried.returncode, tried.stderr
    return None if tried.returncode else prefix


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
