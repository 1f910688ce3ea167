"""Cancelling, by whichever way, leaves nothing of a tool within two seconds, whatever the tool
does.

The short form: twice by each way. ``make chaos``: ``CHAOS_ROUNDS`` times, and then the 95th
percentile counts.
"""

import io
import math
import os
import random
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant
from runs.models import Run
from runs.tests.test_admin import SUBMIT
from tests.admin import url
from tests.chaos import processes
from tests.chaos.deployment import children
from tests.chaos.work import ESCAPEES, STUBBORN, give_scripts
from tests.live import Process, eventually

TIMES = max(2, int(os.environ.get("CHAOS_ROUNDS", "1")))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**31)
GONE_S = 2.0  # the 95th percentile
NOISE_S = 6.0  # what a busy machine may add to a single one
ENOUGH = 20  # cancels that a percentile is taken of
MOMENT_S = 2.0  # cancelled at a random moment of the first seconds of a tool

STUBBORN_FORKS = """
python3 -c '
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(8):
    if os.fork() == 0:
        os.setsid()
        os.fork() and os._exit(0)
        time.sleep(300)
time.sleep(300)
'
"""
TOOLS = {
    "escapees": ESCAPEES.format(lines=6000),
    "escapees that ignore SIGTERM": STUBBORN.format(lines=6000),
    "forks that ignore every signal": STUBBORN_FORKS,
    "a flood of output": "head -c 50M /dev/zero | tr '\\0' x; sleep 300",
    "silence": "exec sleep 300",
}


def by_page(run: Run, user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.post(reverse("run-cancel", args=[run.pk])).status_code == 302


def by_api(run: Run, user: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    assert client.post(reverse("api-run-cancel", args=[run.pk])).status_code == 202


def by_admin(run: Run, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.post(url("runs_run_cancel", run.pk), SUBMIT).status_code == 302


def by_command(run: Run, user: User) -> None:
    call_command("cancel_run", run.pk, stdout=io.StringIO())


WAYS = [by_page, by_api, by_admin, by_command]


@pytest.fixture
def tools(worker: Process) -> Iterator[Callable[[], set[psutil.Process]]]:
    """What is at work below the worker's pool, or has got away from there."""
    processes.adopt_orphans()
    before = processes.below()

    def at_work() -> set[psutil.Process]:
        pool = children(psutil.Process(worker.pid))
        return (processes.below() - before) - {*pool, *processes.fork_servers(pool)}

    yield at_work
    for process in at_work():
        process.kill()


@pytest.mark.timeout(120 + 60 * TIMES)
def test_nothing_of_a_cancelled_tool_is_left(acme: Tenant, worker, tools):
    rng = random.Random(SEED)
    took = []
    for number, way in enumerate(WAYS * TIMES):
        name, code = list(TOOLS.items())[number % len(TOOLS)]
        give_scripts(acme.crew, code, "exit")
        run = Run.objects.request(crew=acme.crew, user=acme.operator)
        eventually(tools, within_s=30)
        time.sleep(rng.uniform(0, MOMENT_S))
        hit = len(tools())
        asked = time.monotonic()
        way(run, acme.operator)
        eventually(lambda: not tools())
        took.append(time.monotonic() - asked)
        eventually(lambda run=run: Run.objects.get(pk=run.pk).is_over)
        print(f"{way.__name__:10} {name:30} {hit:3} processes gone after {took[-1]:.2f} s")
        run.refresh_from_db()
        assert (run.status, run.reason) == ("cancelled", "cancelled")
        assert took[-1] <= GONE_S + NOISE_S
    took.sort()
    p95 = took[math.ceil(0.95 * len(took)) - 1]
    middle = took[len(took) // 2]
    print(f"seed {SEED}: {len(took)} cancels, p50 {middle:.2f} s, p95 {p95:.2f} s")
    assert len(took) < ENOUGH or p95 <= GONE_S


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_waits_is_cancelled_at_once(acme: Tenant, way):
    run = Run.objects.create(crew=acme.crew)
    way(run, acme.operator)
    run.refresh_from_db()
    assert run.status == "cancelled"
