"""``python -m tests.chaos.writer``: a worker-like process that carries out one run at a steady
rate.

Prints one line of JSON at the end: ``{"events", "slowest_ms"}``, the calls that wrote and the
longest.
"""

import argparse
import json
import os
import time
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from runs.models import Run, TaskExecution, ToolExecution  # noqa: E402

EVENTS_PER_TASK = 7  # task_start, tool_start, three tool_progress, tool_end, task_end
LINES = (1, 1, 40)  # of each report: the last is large enough to be compressed
REPORTS = len(LINES)


class Pace:
    """Makes one call at a time, ``rate`` a second."""

    def __init__(self, rate: float) -> None:
        self.calls = 0
        self.slowest_s = 0.0
        self._rate = rate
        self._begun = time.monotonic()

    def __call__(self, write: Callable, *args, **kwargs):
        time.sleep(max(0.0, self._begun + self.calls / self._rate - time.monotonic()))
        before = time.monotonic()
        written = write(*args, **kwargs)
        self.calls += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - before)
        return written


def carry_out(run: Run, rate: float) -> Pace:
    """Every task of the run with one tool each, then its end."""
    pace = Pace(rate)
    for task in run.plan["tasks"]:
        execution = pace(TaskExecution.objects.start, run=run, task=task)
        tool = pace(ToolExecution.objects.start, task_execution=execution, tool="script", params={})
        for number, lines in enumerate(LINES):
            pace(tool.report, message=f"{number}", output=f"line {number} é ☃\n" * lines)
        pace(tool.end, "success", exit_code=0)
        pace(execution.finish, "succeeded")
    run.finish("succeeded")
    return pace


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--rate", type=float, required=True)
    given = parser.parse_args()
    pace = carry_out(Run.objects.select_related("crew").get(pk=given.run), given.rate)
    print(json.dumps({"events": pace.calls, "slowest_ms": round(pace.slowest_s * 1e3, 1)}))


if __name__ == "__main__":
    main()
