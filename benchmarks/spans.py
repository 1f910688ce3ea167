"""``python -m benchmarks.spans VERB``: a program that reports spans by ``POST /api/report/``.

A span is a tool's start and its end, two events.
"""

import http.client
import json
import threading
import time
from typing import Any

from benchmarks import verbs
from benchmarks.pacing import publish
from benchmarks.sample import percentile

CREW = "bench"
WARM_CALLS = 5  # of each connection


class Program:
    """One connection that reports one run."""

    def __init__(self, port: int, key: str, run: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._run = run
        self._spans = 0
        self.call([{"id": "boot", "type": "boot", "crew": CREW}])
        self.call([{"id": "task", "type": "task_start", "task_id": "t", "agent_id": "orion"}])

    def call(self, events: list[dict[str, Any]]) -> None:
        body = json.dumps([event | {"run": self._run} for event in events]).encode()
        self._connection.request("POST", "/api/report/", body, self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200 or json.loads(text)["accepted"] != len(events):
            raise RuntimeError(f"{response.status}: {text.decode()}")

    def spans(self, number: int, message: str = "found 10 results") -> None:
        """Report that many whole spans in one call."""
        events = []
        for _ in range(number):
            self._spans += 1
            id = f"x{self._spans}"
            params = {"query": f"question {id}", "limit": 10}
            start = {"type": "tool_start", "tool": "search", "task_id": "t", "params": params}
            end = {"type": "tool_end", "status": "success", "duration_s": 0.5, "message": message}
            events.append({"id": f"{id}s", "execution_id": id} | start)
            events.append({"id": f"{id}e", "execution_id": id} | end)
        self.call(events)


def flood(*, port: int, key: str, connections: int, spans: int, seconds: float) -> dict[str, float]:
    """As many calls as ``connections`` get answered. Returns spans a second and times of calls."""
    programs = [Program(port, key, f"flood {time.time_ns()} {n}") for n in range(connections)]
    for program in programs:
        for _ in range(WARM_CALLS):
            program.spans(spans)
    took: list[float] = []
    until = time.perf_counter() + seconds
    failed: list[Exception] = []

    def work(program: Program) -> None:
        try:
            while (began := time.perf_counter()) < until:
                program.spans(spans)
                took.append(time.perf_counter() - began)
        except Exception as error:
            failed.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    lasted = time.perf_counter() - began
    calls_ms = [seconds * 1e3 for seconds in took]
    values = {"calls": len(took), "per_s": len(took) * spans / lasted}
    values |= {f"p{share}_ms": percentile(calls_ms, share) for share in (50, 99)}
    return values


def paced(*, port: int, key: str, rate: float, warm: float, seconds: float) -> None:
    """Calls of one span at the rate. The moment of publishing is the answer."""
    program = Program(port, key, f"paced {time.time_ns()}")

    def send(t: int) -> int:
        program.spans(1, f"t={t} done")
        return time.time_ns()

    publish(send, rate=rate, warm_s=warm, seconds=seconds)


if __name__ == "__main__":
    verbs.run(flood, paced)
