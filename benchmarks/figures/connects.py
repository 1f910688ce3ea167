"""Authenticated connects of one web process, and the memory of sockets that wait."""

from benchmarks.deployment import Deployment
from benchmarks.sample import Sample
from benchmarks.servers import OURS

WARM_SOCKETS = 200


def measure(database: str, deployed: Deployment, sockets: int) -> Sample:
    """``per_s`` connects, ``p50_ms`` and ``p99_ms`` from ``connect()`` to the snapshot with 100 of
    them in flight, ``cpu_ms`` of the server a connect, and ``kb`` of memory an idle socket.
    """
    with OURS.run(deployed) as running, running.load() as load:
        load.open_all(WARM_SOCKETS)
        before_kb = running.process.rss_kb()
        cpu_s = running.process.cpu_s()
        opened = load.open_all(sockets)
        cpu_s = running.process.cpu_s() - cpu_s
        kb = (running.process.rss_kb() - before_kb) / sockets
    values = {"per_s": sockets / opened["seconds"], "cpu_ms": cpu_s / sockets * 1e3, "kb": kb}
    return Sample("connects", database, values | {k: opened[k] for k in ("p50_ms", "p99_ms")})
