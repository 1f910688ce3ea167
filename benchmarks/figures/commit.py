"""From the commit in a worker process to the frame at the client, on each database."""

from benchmarks.deployment import Deployment
from benchmarks.figures.delivery import deliver
from benchmarks.sample import Sample
from benchmarks.servers import OURS

SOCKETS = 200


def measure(database: str, deployed: Deployment, seconds: float) -> Sample:
    """``p50_ms`` and ``p99_ms`` from the commit, and what `delivery` says besides."""
    with OURS.run(deployed) as running, running.load() as load:
        load.open_all(SOCKETS)
        return Sample("commit", database, deliver(running, load, SOCKETS, seconds))
