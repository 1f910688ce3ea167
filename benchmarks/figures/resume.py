"""A client that comes back after it has missed very much."""

from benchmarks.deployment import Deployment
from benchmarks.sample import Sample
from benchmarks.servers import OURS

TIMEOUT_S = 120.0


def measure(database: str, deployed: Deployment, events: int) -> Sample:
    """``per_s`` events a second to one client, ``mb`` the server's memory rose to at most."""
    deployed.write("fill", stream=deployed.graph, events=events)
    with OURS.run(deployed) as running:
        with running.load(since=0) as warm:
            warm.open_all(1)
            warm.wait(events // 10, TIMEOUT_S)
        before_kb = running.process.rss_kb()
        running.process.forget_peak()
        with running.load(since=0) as load:
            opened = load.open_all(1)
            caught_up = load.wait(events, TIMEOUT_S)
            counts, _ = load.report()
        if counts["least"] < events or counts["holes"] or counts["doubles"]:
            raise RuntimeError(f"The client has not caught up: {counts}")
        mb = (running.process.peak_kb() - before_kb) / 1024
    per_s = events / (opened["seconds"] + caught_up["seconds"])
    return Sample("resume", database, {"events": events, "per_s": per_s, "mb": mb})
