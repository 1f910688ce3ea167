"""CrewOps as it is deployed, on a database and a Redis of its own, in a temporary directory."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import PROJECT, Process, python
from crewops.redis import server_command
from tests.postgres import cluster

# What is committed is on disk, as PostgreSQL is by default.
DURABLE = "-c listen_addresses= -c max_connections=100"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


class Deployment:
    """A migrated database with one crew, a run under way and a user; ``seed`` says their ids."""

    def __init__(self, directory: Path, database_url: str, checkout: Path = PROJECT) -> None:
        self.directory = directory
        self.checkout = checkout  # of the commit that is measured
        self.env = {
            "DJANGO_SETTINGS_MODULE": "crewops.settings",
            "VAR_DIR": str(directory),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"unix://{directory}/redis.sock",
            "DEBUG": "0",
            "SECRET_KEY": "benchmarks-only-0123456789-0123456789-0123456789-0123456789",
            "ALLOWED_HOSTS": "127.0.0.1",
            "ALLOWED_ORIGINS": "http://127.0.0.1",
            "ACCESS_TOKEN_MINUTES": "240",
            "PYTHONUNBUFFERED": "1",
            # All the load is one user's, from one address.
            "SOCKETS_PER_USER": "100000",
            "SOCKETS_PER_ADDRESS": "100000",
            "REPORT_CALLS_PER_MINUTE": "1000000",
        }
        self.seed: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | self.env | {"PYTHONPATH": str(self.checkout)}

    @property
    def graph(self) -> str:
        """The stream that tools write to."""
        return f"graph:{self.seed['crew']}"

    def writer(self, verb: str, **arguments: Any) -> list[str]:
        """The command line of a `benchmarks.writer`."""
        options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
        return python("-m", "benchmarks.writer", verb, *options)

    def write(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Run a verb of `benchmarks.writer`; its answer."""
        return self.ask(self.writer(verb, **arguments))

    def ask(self, command: list[str]) -> dict[str, Any]:
        """Run a command that prints one line of JSON; what it says."""
        done = subprocess.run(
            command,
            cwd=self.checkout,
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return json.loads(done.stdout)


@contextmanager
def deployment(database: str, checkout: Path = PROJECT) -> Iterator[Deployment]:
    """A deployment whose Redis runs; everything is gone afterwards."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="crewops-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        url = f"sqlite:///{directory}/bench.sqlite3"
        if database == POSTGRESQL:
            url = stack.enter_context(cluster(DURABLE))
        deployed = Deployment(directory, url, checkout)
        redis = Process(*server_command(directory), log=directory / "redis.log", env=deployed.env)
        stack.enter_context(redis).until((directory / "redis.sock").exists)
        deployed.seed = deployed.write("seed")
        yield deployed
