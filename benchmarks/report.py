"""The medians as Markdown, beside what they should reach."""

import os
import platform
from collections.abc import Iterable

from benchmarks.sample import Sample, medians
from benchmarks.targets import TARGETS

HEADINGS = {
    "delivery": "Delivery of one stream, 20 events a second",
    "wire": "Forms of a socket, output of real tools, 20 events a second",
    "commit": "From the commit to the frame, 200 sockets, 20 events a second",
    "emission": "Emission, one writer",
    "group-commit": "Reports of 50 tools of one crew, 20 a second each",
    "ingest": "Spans of outside programs by POST /api/report/, one web process",
    "ingest-live": "From the answer of POST /api/report/ to the frame, 20 calls a second",
    "traces": "OpenTelemetry spans by POST /v1/traces, one web process",
    "tracing": "OpenTelemetry spans by POST /v1/traces, counted when stored, each on SQLite",
    "sdk": "What reporting costs a Python program",
    "controls": "Controls and approvals, one web process and a worker of six",
    "controls-prefect": "Cancelling in Prefect",
    "controls-parallel": "Independent tasks of one run",
    "controls-steps": "What a step costs",
    "controls-page": "The page of approvals",
    "connects": "Authenticated connects, 100 in flight",
    "resume": "Resuming, one client",
    "growth": "Growth of the log",
    "browser-pages": "Pages of a run of 20,000 tools and of a crew of 300 agents, in Chromium",
    "browser-live": "A viewer of a large run that goes on, 20 reports a second",
    "browser-moments": "From the scrubber's move to the drawn moment, a run of 100,000 events",
    "browser-tabs": "Tabs of one browser: sockets, and from a new tab's content to its live mark",
    "search": "A page of the search, a long index",
    "growth-pages": "Pages beside those of a smaller database (rows; steps of SQLite / 100)",
}
LABELS = {
    "sockets": "sockets",
    "events": "events",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "left": "processes of the step left",
    "run_s": "seconds from the request to the end",
    "step_ms": "ms a step",
    "bare_ms": "the bare command, ms",
    "overhead_ms": "the difference, ms",
    "ms": "server ms",
    "written_p50_ms": "with the write, p50 ms",
    "cpu_s": "CPU s",
    "cpu_us": "CPU µs a delivery",
    "cpu_ms": "CPU ms each",
    "kb": "KB",
    "bytes": "bytes a delivery",
    "delivered": "delivered",
    "faults": "faults",
    "client_cpu": "load client, cores",
    "writer_cpu_ms": "CPU ms each in the writer",
    "per_s": "a second",
    "stored_per_s": "stored a second",
    "p50_us": "p50 µs an event",
    "p99_us": "p99 µs an event",
    "slower_percent": "slower, %",
    "mb": "memory MB",
    "append_ms": "append ms",
    "page_ms": "page of 500 ms",
    "longest_ms": "longest task ms",
    "longest_cpu_ms": "its CPU ms",
    "interactive_ms": "interactive ms",
    "opened": "sockets of the browser",
    "first_paint_ms": "first paint ms",
    "heap_mb": "heap MB",
    "frames_per_s": "frames a second",
    "document_kb": "document KB",
    "all_kb": "with static files KB",
    "server_percent": "server, % of a core",
    "kb_per_s": "KB/s",
    "queries": "queries",
    "results": "marked words",
    "ratio": "ratio of ms",
    "cpu_ratio": "ratio of CPU",
    **{
        f"{side}_{name}": f"{label}, {side}"
        for side in ("less", "more")
        for name, label in (("ms", "ms"), ("cpu_ms", "CPU ms"), ("rows", "rows"), ("kb", "KB"))
    },
}


def report(samples: list[Sample], notes: Iterable[str], rounds: int) -> str:
    """Markdown of all samples of a run."""
    cores = os.cpu_count()
    middle = medians(samples)
    lines = [
        f"Medians of {rounds} interleaved rounds; {cores} cores, {platform.system()}, "
        f"Python {platform.python_version()}."
    ]
    lines += [f"Missing: {note}" for note in notes]
    for figure, heading in HEADINGS.items():
        if rows := [sample for sample in middle if sample.figure == figure]:
            lines += ["", f"### {heading}", "", *_table(rows)]
    if reached := [target.row(samples) for target in TARGETS if target.measured(samples)]:
        lines += ["", "### Reached", "", "| figure | measured | reach | |", "|---|---:|---:|---|"]
        lines += reached
    return "\n".join(lines) + "\n"


def _table(rows: list[Sample]) -> list[str]:
    names = list(rows[0].values)
    head = ["", *(LABELS[name] for name in names)]
    table = [head, ["---", *["---:"] * len(names)]]
    for row in rows:
        table.append([row.case, *(_number(name, row.values[name]) for name in names)])
    return [f"| {' | '.join(cells)} |" for cells in table]


def _number(name: str, value: float) -> str:
    if name == "left":
        return f"{value:.0%}"
    if name == "delivered":
        return f"{value:.1%}" if value < 1 else "all"
    if name in ("sockets", "events", "faults", "queries", "less_rows", "more_rows"):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
