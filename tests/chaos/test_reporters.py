"""Whatever fails while a program reports, its run ends right, with everything once and in order.

The short form: each fault once. ``make chaos`` goes on for ``CHAOS_ROUNDS`` rounds.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from conftest import make_tenant
from realtime.models import Event
from runs.models import ReportedRun, Run, ToolExecution
from tests import postgres
from tests.chaos.deployment import Deployment
from tests.live import PROJECT, eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**31)
TOOLS, RATE = 150, 50.0  # three seconds of work
ALL_S = 120.0
LEASE_S = 12  # seconds: longer than a beat of the SDK, which is 10
VARIABLES = {"REPORTED_LEASE_S": str(LEASE_S), "REAPER_INTERVAL_S": "1"}


def kill(program: str) -> Callable[[Deployment], None]:
    return lambda deployment: deployment.programs()[program].kill()


def restart_database(deployment: Deployment) -> None:
    connection.close()
    postgres.restart(Path(connection.settings_dict["HOST"]))


def faults() -> dict[str, Callable[[Deployment], None]]:
    """Those that can happen on this test's database."""
    found = {"web: kill -9": kill("web0"), "Redis: kill -9": kill("redis")}
    host = Path(connection.settings_dict.get("HOST") or "/")
    if connection.vendor == "postgresql" and host != Path("/") and host.is_dir():
        found["PostgreSQL: immediate restart"] = restart_database
    return found


@contextmanager
def reporting(
    deployment: Deployment, key: str, run: str, spool: Path
) -> Iterator[subprocess.Popen]:
    """A program that reports, once the server has received its first tools."""
    about = {
        "CREWOPS_URL": f"http://127.0.0.1:{deployment.port}",
        "CREWOPS_API_KEY": key,
        "CREWOPS_SPOOL_DIR": str(spool),
        "PYTHONPATH": str(PROJECT / "clients" / "python"),
    }
    argv = [sys.executable, Path(__file__).with_name("reporter.py"), run, str(TOOLS), str(RATE)]
    program = subprocess.Popen(argv, cwd=PROJECT, env=os.environ | about)
    try:
        eventually(lambda: tools_of(run).count() > 5, ALL_S)
        yield program
    finally:
        program.kill()
        program.wait()


def tools_of(run: str):
    return ToolExecution.objects.filter(task_execution__run__reported__key=run)


def is_over(run: str) -> bool:
    return ReportedRun.objects.get(key=run).run.is_over


def emitted(run: Run) -> list[tuple[str, str]]:
    """Kind and id of each event of the run, in the order of its streams."""
    streams = [f"run:{run.pk}", f"graph:{run.crew_id}"]
    events = Event.objects.filter(stream__name__in=streams).order_by("stream", "seq")
    return [
        (data["type"], data.get("execution_id") or data.get("call_id") or "")
        for data in (json.loads(event.body) for event in events)
        if data.get("run_id") == str(run.pk)
    ]


def check(run: Run, numbers: list[int]) -> None:
    """Everything is there once: rows, outputs and events, in order."""
    outputs = [tool.output for tool in tools_of(run.reported.key).order_by("started_at", "pk")]
    assert sorted(outputs, key=lambda text: int(text or -1)) == [f"{n}\n" for n in numbers]
    assert not tools_of(run.reported.key).filter(status="running").exists()
    assert not run.calls.open().exists()
    events = emitted(run)
    kinds = [kind for kind, _ in events]
    assert [kinds.count(kind) for kind in ("boot", "done")] == [1, 1]
    for begin, end in (("tool_start", "tool_end"), ("llm_start", "llm_end")):
        begun = [id for kind, id in events if kind == begin]
        ended = [id for kind, id in events if kind == end]
        assert begun == ended  # one after the other, none twice
        assert len(begun) == len(set(begun)) == len(numbers)


@pytest.mark.timeout(400 * ROUNDS)
def test_what_a_program_reports_is_there_once_whatever_is_killed(transactional_db, tmp_path):
    acme = make_tenant("acme")
    key, rng = acme.issue_key("report")[1], random.Random(SEED)
    print(f"\nseed {SEED}")
    with Deployment(tmp_path, acme.operator, **VARIABLES) as deployment:
        for number in range(ROUNDS):
            for name, strike in rng.sample([*faults().items()], len(faults())):
                run = f"{number} {name}"
                with reporting(deployment, key, run, tmp_path / "spool") as program:
                    strike(deployment)
                    assert program.wait(ALL_S) == 0, f"{name}: not all was taken"
                eventually(lambda run=run: is_over(run), ALL_S)
                record = ReportedRun.objects.get(key=run).run
                assert (record.status, record.reason) == ("succeeded", ""), name
                check(record, [*range(TOOLS)])
                eventually(deployment.is_ready, ALL_S)
            killed_program(deployment, key, f"{number} program: kill -9", tmp_path / "spool")


def killed_program(deployment: Deployment, key: str, run: str, spool: Path) -> None:
    """The lease ends its run. What the server had taken is there once, and nothing stays open."""
    with reporting(deployment, key, run, spool) as program:
        program.kill()
    eventually(lambda: is_over(run), ALL_S)
    record = ReportedRun.objects.get(key=run).run
    assert (record.status, record.reason) == ("failed", "reporter_lost")
    check(record, [*range(tools_of(run).count())])
