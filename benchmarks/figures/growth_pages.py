"""What a page costs, beside the same page of a database with less in it: see `benchmarks.pages`."""

from collections.abc import Iterator
from statistics import median

from benchmarks.deployment import Deployment
from benchmarks.line_process import LineProcess
from benchmarks.sample import Sample

FEW, MANY = 200, 100_000  # runs
BIG = "with a big run among four : without"
REQUESTS = 3  # of each page and side in a round, in turns

COSTS = ("ms", "cpu_ms", "rows", "kb")


def served(deployed: Deployment, runs: int, *, big: bool = False) -> LineProcess:
    """A process that answers requests for pages of one database, one at a time.

    Its first line names the routes. The data is there then.
    """
    options = ["--runs", str(runs), *(["--big"] if big else [])]
    return LineProcess(deployed, "benchmarks.pages", *options)


def measure(case: str, less: LineProcess, more: LineProcess, routes: list[str]) -> Iterator[Sample]:
    """A round: each route in turns of both.

    ``rows`` are those of PostgreSQL, else steps of SQLite / 100.

    A page that shows more, as ``kb`` says, may cost more. CPU is that of our process, SQLite's
    included.
    """
    for route in routes:
        pairs = [(less.ask(route), more.ask(route)) for _ in range(REQUESTS)]
        before, after = ({name: median(a[name] for a in side) for name in side[0]}
                         for side in zip(*pairs, strict=True))  # fmt: skip
        yield Sample(
            "growth-pages",
            f"{case}, /{route}",
            {
                "queries": after["queries"],
                **{f"less_{name}": before[name] for name in COSTS},
                **{f"more_{name}": after[name] for name in COSTS},
                "ratio": after["ms"] / before["ms"],
                "cpu_ratio": after["cpu_ms"] / before["cpu_ms"],
            },
        )
