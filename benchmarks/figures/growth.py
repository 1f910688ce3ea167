"""What the log's length costs: an append and a page, on a short log and on a long one."""

from benchmarks.deployment import Deployment
from benchmarks.sample import Sample

PAGES = 100


def prepare(deployed: Deployment, events: int) -> None:
    deployed.write("fill", stream=deployed.graph, events=events)


def measure(database: str, deployed: Deployment, events: int, seconds: float) -> Sample:
    """``append_ms`` of one event and ``page_ms`` of 500 events from somewhere, medians."""
    append = deployed.write("append", stream=deployed.graph, seconds=seconds, batch=1)
    page = deployed.write("read", stream=deployed.graph, samples=PAGES)
    values = {"append_ms": append["p50_ms"], "page_ms": page["p50_ms"]}
    return Sample("growth", f"{database}, {events:,} events", values)
