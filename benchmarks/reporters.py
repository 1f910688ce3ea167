"""``python -m benchmarks.reporters``: processes of one worker, each with a tool that reports at a
rate.

They are forked as Celery forks them, and save through the worker's writer, or with ``--alone`` each
by itself. Prints one line of JSON.
"""

import argparse
import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event, Semaphore
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.db import connection  # noqa: E402

from benchmarks.sample import percentile  # noqa: E402
from realtime import log  # noqa: E402
from runs.execution import report_writer  # noqa: E402
from runs.models import ToolExecution  # noqa: E402


def measure(*, execution: str, tools: int, rate: float, seconds: float, alone: bool) -> dict:
    """``per_s`` reports committed a second, and how long each took."""
    first = ToolExecution.objects.select_related("task_execution__run").get(pk=execution)
    work = [
        ToolExecution.objects.start(task_execution=first.task_execution, tool="script", params={})
        for _ in range(tools)
    ]
    graph = f"graph:{first.task_execution.run.crew_id}"
    head = log.position(graph).head
    connection.close()
    if not alone:
        report_writer.make()
    ready, go = multiprocessing.Semaphore(0), multiprocessing.Event()
    pipes = [_fork(partial(_report, tool, ready, go, rate, seconds)) for tool in work]
    if not alone:
        report_writer.start()
    for _ in work:
        ready.acquire()
    go.set()
    cpu_s, begin = time.process_time(), time.monotonic()
    took: list[float] = []
    ended, tools_s = begin, 0.0
    for pid, pipe in pipes:
        with open(pipe) as answer:
            result = json.load(answer)
        os.waitpid(pid, 0)
        took += result["took_ms"]
        ended = max(ended, result["ended"])
        tools_s += result["cpu_s"]
    if log.position(graph).head - head != len(took) + tools:  # one more of each to begin with
        raise RuntimeError("Not every report is one event")
    return {
        "per_s": len(took) / (ended - begin),
        "cpu_ms": (time.process_time() - cpu_s + tools_s) / len(took) * 1e3,
        "writer_cpu_ms": (time.process_time() - cpu_s) / len(took) * 1e3,
        "p50_ms": percentile(took, 50),
        "p99_ms": percentile(took, 99),
    }


def _fork(work: Callable[[], dict[str, Any]]) -> tuple[int, int]:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    status = 1
    try:
        with open(write, "w") as answer:
            json.dump(work(), answer)
        status = 0
    finally:
        os._exit(status)


def _report(
    tool: ToolExecution, ready: Semaphore, go: Event, rate: float, seconds: float
) -> dict[str, Any]:
    """As the emitter reports: at the rate, and no faster after a report that took long."""
    tool.report(message="ready")
    ready.release()
    go.wait()
    begin = time.monotonic()
    due = begin + random.Random(str(tool.pk)).random() / rate
    took: list[float] = []
    cpu_s = time.process_time()
    while due < begin + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        before = time.monotonic()
        tool.report(message=f"line {len(took)}", output=f"a line of output {len(took)}\n")
        took.append((time.monotonic() - before) * 1e3)
        due = max(due + 1 / rate, before + 1 / rate)
    ended = time.monotonic()
    return {"took_ms": took, "ended": ended, "cpu_s": time.process_time() - cpu_s}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--execution", required=True)
    parser.add_argument("--tools", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--alone", action="store_true")
    print(json.dumps(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
