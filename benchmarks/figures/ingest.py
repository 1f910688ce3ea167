"""Reports of outside programs: spans stored by one web process, and the delay to sockets."""

from dataclasses import replace

from benchmarks.deployment import Deployment
from benchmarks.figures.delivery import deliver
from benchmarks.processes import python
from benchmarks.sample import Sample
from benchmarks.servers import OURS

CONNECTIONS, SPANS = 4, 50
SOCKETS = 200


def measure(database: str, deployed: Deployment, seconds: float) -> list[Sample]:
    """``per_s`` spans a second, stored when the call is answered; ``cpu_ms`` of the web process for
    one span; ``p50_ms`` and ``p99_ms`` of a call. Then calls of one span at 20 a second: from the
    answer to the frame in 200 open sockets, below 0 if the frame is first.
    """
    flood, paced = (
        python("-m", "benchmarks.spans", verb, "--key", deployed.seed["key"])
        for verb in ("flood", "paced")
    )
    options = {"connections": CONNECTIONS, "spans": SPANS, "seconds": seconds}
    flood += [f"--{name}={value}" for name, value in options.items()]
    with OURS.run(deployed) as running:
        before_s = running.process.cpu_s()
        values = deployed.ask([*flood, "--port", str(running.port)])
        spent_s = running.process.cpu_s() - before_s
    values["cpu_ms"] = spent_s / (values.pop("calls") * SPANS) * 1e3
    server = replace(OURS, publisher=lambda deployed, port: [*paced, "--port", str(port)])
    with server.run(deployed) as running, running.load() as load:
        load.open_all(SOCKETS)
        arrived = deliver(running, load, SOCKETS, seconds)
    kept = {name: arrived[name] for name in ("p50_ms", "p99_ms", "written_p50_ms", "faults")}
    return [
        Sample("ingest", f"{database}, {SPANS} spans a call, {CONNECTIONS} connections", values),
        Sample("ingest-live", f"{database}, {SOCKETS} sockets", kept),
    ]
