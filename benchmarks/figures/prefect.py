"""Prefect's cancel beside ours: the same processes, cancelled as its page does it."""

import json
import os
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count as numbers
from pathlib import Path
from typing import Any

from benchmarks.processes import PROJECT, Process
from benchmarks.proctable import is_alive, parent, sleepers
from benchmarks.sample import Sample, percentile
from tests.ports import free_port
from tests.waiting import eventually

PYTHON = PROJECT / "var" / "prefect" / "bin" / "python"
MISSING = "Prefect is not installed: make bench-peers"
FLOW = Path(__file__).parent.parent / "peers" / "prefect_flow.py"
TREE = "sleep {0} & sleep {0} & sleep {0}; true"
MARKS = numbers(40_001)
START_S = 300.0
GONE_S = 40.0  # Prefect gives a flow 30 s to end
SETTLE_S = 0.5


def measure(count: int) -> Sample:
    """``p50_ms``, ``p95_ms``: from the request until the process of the flow is gone. ``left``: the
    share of cancels after which processes of the step are at work ``GONE_S`` later.
    """
    took, left = [], 0
    with _prefect() as ask:
        deployment = eventually(lambda: ask("/deployments/name/tree/bench"), START_S)["id"]
        for _ in range(count + 1):
            mark = str(next(MARKS))
            body = {"parameters": {"code": TREE.format(mark)}}
            run = ask(f"/deployments/{deployment}/create_flow_run", body)["id"]
            step = eventually(
                lambda mark=mark: len(sleepers(mark)) == 3 and sleepers(mark), START_S
            )
            flow = parent(parent(step[0]))
            time.sleep(SETTLE_S)
            began = time.perf_counter()
            ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
            while is_alive(flow) and time.perf_counter() - began < GONE_S:
                time.sleep(0.002)
            took.append((time.perf_counter() - began) * 1e3)
            while sleepers(mark) and time.perf_counter() - began < GONE_S:
                time.sleep(0.02)
            left += bool(sleepers(mark))
            _kill(mark)
    share = {"left": left / (count + 1)}
    middle = {"p50_ms": percentile(took[1:], 50), "p95_ms": percentile(took[1:], 95)}
    return Sample("controls-prefect", "Prefect, cancel → process of the flow gone", middle | share)


@contextmanager
def _prefect() -> Iterator[Callable[..., Any]]:
    """A server of Prefect and a process that serves the flow.

    Gives a function that asks its API.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"

    def ask(path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.URLError:
            return None

    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prefect-bench-")))
        env = {
            "PREFECT_HOME": str(directory),
            "PREFECT_API_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
        serve = ("-m", "prefect", "server", "start", "--host=127.0.0.1", f"--port={port}")
        for log, argv, path in (
            ("server", serve, "/health"),
            ("flow", (str(FLOW),), "/deployments/name/tree/bench"),
        ):
            process = Process(str(PYTHON), *argv, log=directory / f"{log}.log", env=env)
            stack.enter_context(process)
            eventually(lambda path=path: ask(path), START_S)
        yield ask


def _kill(mark: str) -> None:
    for pid in sleepers(mark):
        os.kill(pid, signal.SIGKILL)
