"""Delivery of one stream to many sockets: latency, CPU and memory of each server."""

import json
import subprocess

from benchmarks.deployment import Deployment
from benchmarks.load import Arrival, Load
from benchmarks.processes import PROJECT
from benchmarks.sample import Sample, percentile
from benchmarks.servers import Running, Server

RATE = 20  # events a second
WARM_S = 1.0
MEASURED_S = 5.0
DRAIN_S = 20.0  # how long a backlog is waited for
WARM_SOCKETS = 20  # open before memory is measured, so that what is loaded once is not counted


def measure(server: Server, deployed: Deployment, sockets: int, seconds: float) -> Sample:
    """One server with a number of sockets. Values:

    ``p50_ms`` ``p99_ms``: from publishing (ours: from the commit) to the frame at the client
    ``written_p50_ms``: from the writer's call, before it has committed
    ``cpu_s`` ``cpu_us``: of the server for all deliveries, and for one
    ``kb``: memory a socket
    ``delivered``: share of what was due that arrived within ``DRAIN_S``
    ``faults``: holes, doubles and lost sockets
    ``client_cpu``: share of a core that the load client took
    """
    with server.run(deployed) as running, running.load() as load:
        load.open_all(WARM_SOCKETS)
        before_kb = running.process.rss_kb()
        load.open_all(sockets - WARM_SOCKETS)
        kb = (running.process.rss_kb() - before_kb) / (sockets - WARM_SOCKETS)
        values = deliver(running, load, sockets, seconds)
    return Sample("delivery", server.name, {"sockets": sockets, "kb": kb} | values)


def deliver(running: Running, load: Load, sockets: int, seconds: float) -> dict[str, float]:
    """Publish to the open sockets, first to warm up, then measured."""
    publisher = subprocess.Popen(
        running.publisher(rate=RATE, warm_s=WARM_S, seconds=seconds),
        cwd=PROJECT,
        env=running.deployed.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with publisher:
        publisher.stdout.readline()
        load.wait(round(RATE * WARM_S), DRAIN_S)
        warm, _ = load.report()
        cpu_s = running.process.cpu_s()
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
        due = round(RATE * seconds)
        load.wait(due, seconds + DRAIN_S)
        cpu_s = running.process.cpu_s() - cpu_s
        counts, arrivals = load.report()
        moments = dict(json.loads(publisher.stdout.readline()))
    latencies = [(at - moments[t]) / 1e6 for t, at in arrivals]
    written = [(at - t) / 1e6 for t, at in arrivals]
    return {
        "p50_ms": percentile(latencies, 50),
        "p99_ms": percentile(latencies, 99),
        "written_p50_ms": percentile(written, 50),
        "cpu_s": cpu_s,
        "cpu_us": cpu_s / len(arrivals) * 1e6,
        "delivered": len(arrivals) / (due * sockets),
        "faults": counts["holes"] + counts["doubles"] + counts["lost"],
        "client_cpu": (counts["cpu_s"] - warm["cpu_s"]) / _lasted(arrivals),
    }


def _lasted(arrivals: list[Arrival]) -> float:
    return (max(a.at for a in arrivals) - min(a.t for a in arrivals)) / 1e9
