"""OpenTelemetry spans that one web process stores in a second, and its memory."""

from benchmarks.deployment import Deployment
from benchmarks.figures.ingest import CONNECTIONS, SPANS
from benchmarks.processes import python
from benchmarks.sample import Sample
from benchmarks.servers import OURS

WARM = 10_000  # spans, after which the process has the memory that it needs


def measure(database: str, deployed: Deployment, spans: int) -> Sample:
    """``per_s`` spans a second, stored when the call is answered; ``cpu_ms`` of the web process for
    one span; ``mb``: how much its memory grows while ``spans`` come, after the first ones.
    """
    flood = python("-m", "benchmarks.traces", "flood", "--key", deployed.seed["key"])
    options = {"connections": CONNECTIONS, "spans": SPANS}
    flood += [f"--{name}={value}" for name, value in options.items()]
    with OURS.run(deployed) as running:
        flood += ["--port", str(running.port)]
        deployed.ask([*flood, "--number", str(WARM)])
        before_s, before_kb = running.process.cpu_s(), running.process.rss_kb()
        values = deployed.ask([*flood, "--number", str(spans)])
        spent_s = running.process.cpu_s() - before_s
        values["mb"] = (running.process.rss_kb() - before_kb) / 1024
    values["cpu_ms"] = spent_s / (values.pop("calls") * SPANS) * 1e3
    case = f"{database}, {spans:,} spans, {SPANS} a call, {CONNECTIONS} connections"
    return Sample("traces", case, values)
