"""What a page costs, beside the same page of a database with less in it: see `benchmarks.pages`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.deployment import Deployment
from benchmarks.processes import PROJECT, python
from benchmarks.sample import Sample

FEW, MANY = 200, 100_000  # runs
BIG = "with a big run among four : without"
REQUESTS = 3  # of each page and side in a round, in turns

COSTS = ("ms", "cpu_ms", "rows", "kb")

Answer = dict[str, float]


class Pages:
    """A process that answers requests for pages of one database, one at a time."""

    def __init__(self, deployed: Deployment, runs: int, *, big: bool = False) -> None:
        options = ["--runs", str(runs), *(["--big"] if big else [])]
        self._process = subprocess.Popen(
            python("-m", "benchmarks.pages", *options),
            cwd=PROJECT,
            env=deployed.environment | {"LOG_LEVEL": "ERROR"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def routes(self) -> list[str]:
        """Waits for the data to be there."""
        return self._read()

    def ask(self, route: str) -> Answer:
        self._process.stdin.write(f"{route}\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.communicate()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The process of the pages ended; its output is above.")
        return json.loads(line)


@contextmanager
def served(deployed: Deployment, runs: int, *, big: bool = False) -> Iterator[Pages]:
    pages = Pages(deployed, runs, big=big)
    try:
        yield pages
    finally:
        pages.close()


def measure(case: str, less: Pages, more: Pages, routes: list[str]) -> Iterator[Sample]:
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
