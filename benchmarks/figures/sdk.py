"""What reporting costs a Python program: with the server up, hung and away."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.deployment import Deployment
from benchmarks.processes import free_port, python
from benchmarks.sample import Sample
from benchmarks.servers import OURS

CALLS = 10_000


def measure(deployed: Deployment, calls: int = CALLS) -> Iterator[Sample]:
    """``p50_us`` and ``p99_us`` of an event, ``slower_percent`` of a program of ``calls`` tools."""
    with OURS.run(deployed) as running:
        yield _host(deployed, "up", running.port, calls)
    with _hung() as port:
        yield _host(deployed, "hung", port, calls)
    yield _host(deployed, "away", free_port(), calls)


def _host(deployed: Deployment, case: str, port: int, calls: int) -> Sample:
    options = [f"--url=http://127.0.0.1:{port}", f"--key={deployed.seed['key']}"]
    values = deployed.ask(python("-m", "benchmarks.sdk", "host", *options, f"--calls={calls}"))
    return Sample("sdk", f"server {case}, {calls:,} tools", values)


@contextmanager
def _hung() -> Iterator[int]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]
