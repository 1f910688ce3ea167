"""Kills between two steps of a control or an approval: one answer, one end, no unapproved call.

A run of a worker, one with parallel tasks and one of a program are steered at the same time. In a
round each process is killed once. `steering_plan` says after which step; after ``ROUNDS_OF_ALL``
rounds it was each. ``make chaos``: ``CHAOS_ROUNDS`` rounds from ``CHAOS_SEED``.
``CHAOS_ONLY="web0 approval decided"``, or the beginning of that, leaves the others out.
"""

import os
import random
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from django.db import connection

from conftest import make_tenant
from tests import postgres
from tests.chaos.deployment import Deployment
from tests.chaos.steering_plan import PROCESSES, Case, cases, rounds
from tests.chaos.steering_runs import ALL_S, Steered
from tests.chaos.steering_story import Story
from tests.live import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**31)
ONLY = os.environ.get("CHAOS_ONLY", "")
VARIABLES = {
    "WORKER_CONCURRENCY": "5",  # one run, three tasks of another, and one to spare
    "WORKER_HEARTBEAT_S": "1",
    "REAPER_INTERVAL_S": "1",
    # A killed process of the pool is noticed by this lease alone.
    "RUN_LEASE_S": "10",
    "RUN_HEARTBEAT_S": "2",
    # The test ends the lease of a program it has killed. No other may end while a web process
    # starts again, however long a busy machine takes for that.
    "REPORTED_LEASE_S": "300",
}


@pytest.mark.timeout(900 * ROUNDS)
def test_a_run_that_is_steered_ends_right_whatever_is_killed(transactional_db, tmp_path):
    possible = cases(processes(), ONLY)
    if not possible:
        pytest.skip(f"no case begins with {ONLY}")
    acme, rng = make_tenant("acme"), random.Random(SEED)
    print(f"\nseed {SEED}")
    with Deployment(tmp_path, acme.operator, **VARIABLES) as deployment:
        steered = Steered(deployment, acme, tmp_path / "spool")
        for number, planned in enumerate(rounds(ROUNDS, possible, SEED)):
            for case in planned:
                eventually(deployment.is_ready, ALL_S)
                with steered.begun(f"{number} {case}", case.control) as (runs, program):
                    strike(Story(deployment, case, runs), case, deployment, program, rng)


def processes() -> list[str]:
    """Those that can be killed on this test's database."""
    host = Path(connection.settings_dict.get("HOST") or "/")
    has_server = connection.vendor == "postgresql" and host != Path("/") and host.is_dir()
    return [*PROCESSES, *(["postgres"] if has_server else [])]


def strike(
    story: Story,
    case: Case,
    deployment: Deployment,
    program: subprocess.Popen,
    rng: random.Random,
) -> None:
    """Kill the process of the case at its step; all is as promised afterwards."""
    story.reach()
    kill(case.killed, deployment, program, rng)
    struck = time.monotonic()
    stand = story.stand()
    story.end()
    ended_s = time.monotonic() - struck
    assert program.wait(ALL_S) is not None
    story.check()
    eventually(lambda: not deployment.at_work(), ALL_S)
    gone_s = time.monotonic() - struck - ended_s
    print(
        f"{case!s:30} {stand:48} ended in {ended_s:4.1f} s, nothing left {gone_s:3.1f} s later",
        flush=True,
    )


def kill(
    killed: str, deployment: Deployment, program: subprocess.Popen, rng: random.Random
) -> None:
    match killed:
        case "program":
            program.kill()
        case "child":
            rng.choice(busy(deployment)).kill()
        case "postgres":
            connection.close()
            postgres.restart(Path(connection.settings_dict["HOST"]))
        case _:
            deployment.programs()[killed].kill()


def busy(deployment: Deployment) -> list[psutil.Process]:
    """The processes of the pool that carry out a task, or all if there is none any more.

    Such a process has a second thread, which renews its lease.
    """
    pool = sorted(deployment.pool(), key=lambda process: process.pid)
    return [process for process in pool if process.num_threads() > 1] or pool
