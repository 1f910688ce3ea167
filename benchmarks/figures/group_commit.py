"""Many tools of one crew that report at once: through the worker's writer, and each by itself."""

from benchmarks.deployment import Deployment
from benchmarks.processes import python
from benchmarks.sample import Sample

TOOLS, RATE = 50, 20.0  # reports a second of each
TOGETHER, ALONE, LONE = "one writer", "each by itself", "one writer, a lone tool"


def measure(database: str, deployed: Deployment, seconds: float) -> list[Sample]:
    """A lone tool shows what a report costs that shares its commit with no other."""
    cases = ((TOGETHER, TOOLS, []), (ALONE, TOOLS, ["--alone"]), (LONE, 1, []))
    return [
        Sample("group-commit", f"{database}, {case}", _report(deployed, tools, seconds, more))
        for case, tools, more in cases
    ]


def _report(deployed: Deployment, tools: int, seconds: float, more: list[str]) -> dict[str, float]:
    options = {"execution": deployed.seed["execution"], "tools": tools, "rate": RATE}
    arguments = [f"--{name}={value}" for name, value in (options | {"seconds": seconds}).items()]
    return deployed.ask(python("-m", "benchmarks.reporters", *arguments, *more))
