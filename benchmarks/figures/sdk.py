"""What reporting costs a Python program: with the server up, hung and away."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.deployment import Deployment
from benchmarks.processes import python
from benchmarks.sample import Sample
from benchmarks.servers import OURS
from tests.ports import free_port

CALLS = 10_000  # of about a millisecond each
LONGER = 10  # times as long: a tenth of the calls


def measure(deployed: Deployment, calls: int = CALLS) -> Iterator[Sample]:
    """``p50_us`` and ``p99_us`` of an event, ``slower_percent`` of a program of ``calls`` tools.

    And of a program whose tools take `LONGER` times as long.
    """
    for hashes, number in ((1, calls), (LONGER, calls // LONGER)):
        with OURS.run(deployed) as running:
            yield _host(deployed, "up", running.port, number, hashes)
        with _hung() as port:
            yield _host(deployed, "hung", port, number, hashes)
        yield _host(deployed, "away", free_port(), number, hashes)


def _host(deployed: Deployment, case: str, port: int, calls: int, hashes: int) -> Sample:
    options = [f"--url=http://127.0.0.1:{port}", f"--key={deployed.seed['key']}"]
    options += [f"--calls={calls}", f"--hashes={hashes}"]
    values = deployed.ask(python("-m", "benchmarks.sdk", "host", *options))
    longer = f" of {hashes} ms" if hashes > 1 else ""
    return Sample("sdk", f"server {case}, {calls:,} tools{longer}", values)


@contextmanager
def _hung() -> Iterator[int]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]
