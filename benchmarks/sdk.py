"""``python -m benchmarks.sdk host``: a program that calls tools, without reporting and with it."""

import hashlib
import sys
import tempfile
import time

from benchmarks import verbs
from benchmarks.processes import PROJECT
from benchmarks.sample import percentile

sys.path.insert(0, str(PROJECT / "clients" / "python"))

import crewops_client as crewops

PAYLOAD = b"x" * 2_000_000  # to hash it takes about a millisecond
TURNS = 10  # without and with reporting take turns, as the machine's speed changes


def host(*, url: str, key: str, calls: int, hashes: int) -> dict[str, float]:
    """``p50_us``, ``p99_us``: what an event costs the thread that reports it. ``slower_percent``:
    how much longer the calls take than without reporting. A call hashes `PAYLOAD` ``hashes`` times.
    """
    took: list[int] = []
    plain = reported = 0
    with tempfile.TemporaryDirectory() as spool:
        crewops.configure(url=url, api_key=key, spool_dir=spool, flush_s=0)
        with crewops.run("bench") as run, run.agent("orion") as agent:
            for _ in range(TURNS):
                begun = time.perf_counter_ns()
                for _ in range(calls // TURNS):
                    _work(hashes)
                plain += time.perf_counter_ns() - begun
                begun = time.perf_counter_ns()
                for number in range(calls // TURNS):
                    took += _call(agent, number, hashes)
                reported += time.perf_counter_ns() - begun
        crewops.configure(disabled=True)  # ends the sender before the spool is deleted
    return {
        "p50_us": percentile(took, 50) / 1e3,
        "p99_us": percentile(took, 99) / 1e3,
        "slower_percent": (reported / plain - 1) * 100,
    }


def gated(*, url: str, key: str, calls: int) -> None:
    """Calls that wait for approval, one after the other.

    Prints when each body was entered, in ns.
    """
    with tempfile.TemporaryDirectory() as spool:
        crewops.configure(url=url, api_key=key, spool_dir=spool)
        with crewops.run("bench") as run:
            for _ in range(calls):
                with run.tool("gated", approve=True):
                    print(time.time_ns(), flush=True)
        crewops.configure(disabled=True)


def _work(hashes: int) -> str:
    for _ in range(hashes - 1):
        hashlib.sha256(PAYLOAD).digest()
    return hashlib.sha256(PAYLOAD).hexdigest()


def _call(agent: crewops.Agent, number: int, hashes: int) -> tuple[int, int, int]:
    """A tool: its start, a line of output and its end. Nanoseconds of each."""
    begun = time.perf_counter_ns()
    tool = agent.start_tool("search", {"query": f"question {number}", "limit": 10})
    started = time.perf_counter_ns()
    digest = _work(hashes)
    worked = time.perf_counter_ns()
    tool.output(f"{digest}\n")
    written = time.perf_counter_ns()
    tool.end()
    return started - begun, written - worked, time.perf_counter_ns() - written


if __name__ == "__main__":
    verbs.run(host, gated)
