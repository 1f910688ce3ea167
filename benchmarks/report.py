"""The medians as Markdown, beside what they should reach."""

import os
import platform
from collections.abc import Iterable

from benchmarks.sample import Sample, medians
from benchmarks.targets import TARGETS

HEADINGS = {
    "delivery": "Delivery of one stream, 20 events a second",
    "commit": "From the commit to the frame, 200 sockets, 20 events a second",
    "emission": "Emission, one writer",
    "group-commit": "Reports of 50 tools of one crew, 20 a second each",
    "connects": "Authenticated connects, 100 in flight",
    "resume": "Resuming, one client",
    "growth": "Growth of the log",
}
LABELS = {
    "sockets": "sockets",
    "events": "events",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "written_p50_ms": "with the write, p50 ms",
    "cpu_s": "CPU s",
    "cpu_us": "CPU µs a delivery",
    "cpu_ms": "CPU ms each",
    "kb": "KB a socket",
    "delivered": "delivered",
    "faults": "faults",
    "client_cpu": "load client, cores",
    "writer_cpu_ms": "CPU ms each in the writer",
    "per_s": "a second",
    "mb": "memory MB",
    "append_ms": "append ms",
    "page_ms": "page of 500 ms",
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
    if name == "delivered":
        return f"{value:.1%}" if value < 1 else "all"
    if name in ("sockets", "events", "faults"):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
