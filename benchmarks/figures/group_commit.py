"""Many tools of one crew that report at once: through the worker's writer, and each by itself."""

from benchmarks.deployment import Deployment
from benchmarks.processes import python
from benchmarks.sample import Sample

TOOLS, RATE = 50, 20.0  # reports a second of each
TOGETHER, ALONE = "one writer", "each by itself"


def measure(database: str, deployed: Deployment, seconds: float) -> list[Sample]:
    options = {"execution": deployed.seed["execution"], "tools": TOOLS, "rate": RATE}
    arguments = [f"--{name}={value}" for name, value in (options | {"seconds": seconds}).items()]
    return [
        Sample(
            "group-commit",
            f"{database}, {case}",
            deployed.ask(python("-m", "benchmarks.reporters", *arguments, *more)),
        )
        for case, more in ((TOGETHER, []), (ALONE, ["--alone"]))
    ]
