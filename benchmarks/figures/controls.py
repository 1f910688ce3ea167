"""Controls, approvals and parallel tasks: how soon they take effect, and what a step costs."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.deployment import Deployment
from benchmarks.processes import Process, python
from benchmarks.sample import Sample
from benchmarks.servers import OURS

CANCEL, PAUSE = "cancel → tool's processes gone", "pause → acknowledged"
APPROVE = "approve → body entered, SDK program"
PARALLEL, STEP, PAGE = "5 tasks of 10 s at once", "a step of `true`", "1,000 pending approvals"
WORKER = ("-m", "celery", "--quiet", "--app", "crewops", "worker")


def measure(database: str, deployed: Deployment, count: int) -> Iterator[Sample]:
    """Each is ``count`` requests. A web process, and a worker of six processes."""
    with OURS.run(deployed) as running, _worker(deployed):
        key = {"key": deployed.seed["key"]}
        for case, verb, options in (
            (CANCEL, "cancels", {"count": count}),
            (PAUSE, "pauses", {"count": count}),
            (APPROVE, "approvals", {"count": count, **key}),
            (PARALLEL, "parallel", {}),
            (STEP, "steps", {}),
            (PAGE, "page", {}),
        ):
            options |= {"port": running.port}
            given = [f"--{name}={value}" for name, value in options.items()]
            values = deployed.ask(python("-m", "benchmarks.steering", verb, *given))
            figure = f"controls-{verb}" if verb in ("parallel", "steps", "page") else "controls"
            yield Sample(figure, f"{database}, {case}", values)


@contextmanager
def _worker(deployed: Deployment) -> Iterator[None]:
    env = deployed.env | {"WORKER_CONCURRENCY": "6"}
    with Process(*python(*WORKER), log=deployed.directory / "worker.log", env=env):
        yield
