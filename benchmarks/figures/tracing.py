"""OpenTelemetry spans that ours, Arize Phoenix and MLflow store in a second, each on SQLite.

Each is started as its documentation says, and gets the same calls of the same client. A span is
stored when another process sees it in the database.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployment import Deployment
from benchmarks.figures.ingest import CONNECTIONS, SPANS
from benchmarks.processes import PROJECT, Process, listens, python
from benchmarks.sample import Sample
from benchmarks.servers import OURS
from tests.ports import free_port
from tests.waiting import eventually

NUMBER = 5_000  # spans
WARM = 1_000  # spans before them
START_S = 300.0
# Each of the spans that are sent is one of the two.
OURS_STORED = (
    "SELECT (SELECT count(*) FROM runs_modelcall) + (SELECT count(*) FROM runs_toolexecution)"
)


@dataclass(frozen=True)
class Peer:
    """A server in a virtual environment of its own: see `make bench-peers`."""

    directory: str  # below var/, and its requirements-*.txt in benchmarks/peers
    title: str
    program: str
    arguments: Callable[[Path, int], list[str]]  # of a directory for its data, and a port
    environment: Callable[[Path, int], dict[str, str]]
    database: str  # a file in that directory

    @property
    def command(self) -> Path:
        return PROJECT / "var" / self.directory / "bin" / self.program

    @property
    def name(self) -> str:
        """With the version that `make bench-peers` installs."""
        pins = PROJECT / "benchmarks" / "peers" / f"requirements-{self.directory}.txt"
        return f"{self.title} {pins.read_text().rpartition('==')[2].strip()}"

    @property
    def missing(self) -> str:
        return f"{self.title} is not installed: make bench-peers ARGS={self.directory}"


PHOENIX = Peer(
    "phoenix",
    "Arize Phoenix",
    "phoenix",
    lambda directory, port: ["serve"],
    lambda directory, port: {
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    },
    "phoenix.db",
)
MLFLOW = Peer(
    "mlflow",
    "MLflow",
    "mlflow",
    lambda directory, port: [
        "server",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--backend-store-uri=sqlite:///{directory}/mlflow.db",
        f"--artifacts-destination={directory}/artifacts",
    ],
    lambda directory, port: {"MLFLOW_DISABLE_TELEMETRY": "true"},
    "mlflow.db",
)
PEERS = (PHOENIX, MLFLOW)


def measure(peer: Peer) -> Sample:
    """``stored_per_s`` spans, and ``per_s`` that are answered; ``cpu_ms`` of all its processes for
    one span; ``p50_ms`` and ``p99_ms`` of a call.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="peer-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        process = Process(
            str(peer.command),
            *peer.arguments(directory, port),
            log=directory / "server.log",
            env=peer.environment(directory, port),
            checkout=directory,
        )
        with process:
            eventually(lambda: listens(port), START_S)
            database = directory / peer.database
            return _measure(peer.name, process, port, "", database, "SELECT count(*) FROM spans")


def measure_ours(deployed: Deployment) -> Sample:
    with OURS.run(deployed) as running:
        database = deployed.directory / "bench.sqlite3"
        key = deployed.seed["key"]
        return _measure(OURS.name, running.process, running.port, key, database, OURS_STORED)


def _measure(
    name: str, process: Process, port: int, key: str, database: Path, count: str
) -> Sample:
    options = {
        "port": port,
        "key": key,
        "connections": CONNECTIONS,
        "spans": SPANS,
        "database": database,
        "count": count,
    }
    flood = python("-m", "benchmarks.traces", "flood")
    flood += [f"--{name}={value}" for name, value in options.items()]
    _answer([*flood, f"--number={WARM}"])
    before_s = process.cpu_s_of_all()
    values = _answer([*flood, f"--number={NUMBER}"])
    spent_s = process.cpu_s_of_all() - before_s
    sent = values.pop("calls") * SPANS + CONNECTIONS * SPANS  # with those that open the runs
    values["cpu_ms"] = spent_s / sent * 1e3
    return Sample("tracing", name, values)


def _answer(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)
