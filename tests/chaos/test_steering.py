"""Kills between two steps of a control or an approval: one answer, one end, no unapproved call.

A run of a worker and one of a program are steered at the same time. In a round each process is
killed once in each story, at a random point. ``make chaos``: ``CHAOS_ROUNDS`` rounds from
``CHAOS_SEED``. ``CHAOS_ONLY="web0 approval decided"``, or the beginning of that, leaves the others
out.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import models
from django.utils import timezone

from conftest import Tenant, make_tenant
from crews.models import ApprovalRule
from runs.models import Approval, Control, ReportedRun, Run, ToolExecution
from runs.tests.steering.stream_reader import StreamReader
from tests.chaos.deployment import Deployment
from tests.chaos.work import give_scripts
from tests.live import PROJECT, eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**31)
ONLY = os.environ.get("CHAOS_ONLY", "")
KILLED = ("web0", "redis", "worker", "program")
POINTS = {
    "control": ("requested", "acknowledged", "applied"),
    "approval": ("requested", "decided", "entered"),
}
SCRIPTS = {"approval": "sleep 2 # gated", "control": "sleep 300 & sleep 300"}
ALL_S = 120.0
VARIABLES = {
    "WORKER_HEARTBEAT_S": "1",
    "REAPER_INTERVAL_S": "1",
    # The test ends the lease of a program it has killed. No other may end while a web process
    # starts again, however long a busy machine takes for that.
    "REPORTED_LEASE_S": "300",
}


class Story:
    """One run of a worker and one of a program. ``killed``: see ``KILLED``."""

    def __init__(self, deployment: Deployment, name: str, killed: str, runs: list[Run]) -> None:
        self._deployment = deployment
        self._name = name
        self._lost = {"worker": runs[0], "program": runs[1]}.get(killed)
        self._runs = runs
        self._pauses: list[Control] = []

    def reach(self, point: str) -> None:
        """Go on until both runs have come to this point."""
        if self._name == "control":
            self._pauses = [self._ask(run, "pause") for run in self._runs]
            if point != "requested":
                eventually(lambda: all(c.acknowledged_at for c in self._controls()), ALL_S)
            if point == "applied":
                eventually(lambda: all(c.is_over for c in self._controls()), ALL_S)
            return
        eventually(lambda: len(self._waiting()) == 2, ALL_S)
        if point != "requested":
            self._approve_all()
        if point == "entered":
            eventually(lambda: all(self._entered(run).exists() for run in self._runs), ALL_S)

    def end(self) -> None:
        """Go on to the end, as people do: approve what waits, or resume and then cancel."""
        if self._name == "approval":
            eventually(lambda: self._approve_all() or self._have_ended(), ALL_S)
            return
        for run in self._runs:
            if run != self._lost:
                pause = next(c for c in self._pauses if c.run_id == run.pk)
                self._until_applied(pause)
                self._until_applied(self._ask(run, "resume"))
                self._ask(run, "cancel")
        eventually(self._have_ended, ALL_S)

    def check(self) -> None:
        for run in Run.objects.filter(pk__in=[run.pk for run in self._runs]):
            expected = ("cancelled", "cancelled") if self._name == "control" else ("succeeded", "")
            if run == self._lost:
                # The package may have sent the end, or the worker the last step, just before.
                by = "reporter_lost" if run.is_reported else "worker_lost"
                assert (run.status, run.reason) in (("failed", by), expected)
            else:
                assert (run.status, run.reason) == expected, run.message
            StreamReader().read(run)
            self._check_calls(run)

    def _check_calls(self, run: Run) -> None:
        if self._name != "approval":
            return
        entered = list(self._entered(run))
        assert len(entered) <= 1, "a call was entered twice"
        assert entered or run == self._lost
        asked = Approval.objects.filter(run=run)
        for tool in entered:
            assert asked.filter(status="approved", decided_at__lte=tool.started_at).exists()
        assert all(a.note for a in asked.filter(status="expired")), "it is not said why"

    def _ask(self, run: Run, action: str) -> Control:
        answer = self._post(f"/api/runs/{run.pk}/controls/", action=action)
        return Control.objects.get(pk=answer.json()["control_id"])

    def _approve_all(self) -> None:
        for asked in self._waiting():
            path = f"/api/approvals/{asked.pk}/"
            answer = self._post(path, decision="approve", seen=asked.seen)
            assert answer.status_code in (200, 409), answer.text  # it may have ended meanwhile

    def _post(self, path: str, **body: Any) -> httpx.Response:
        """Send it again while nobody answers: repeating a control or a decision is harmless."""

        def answer() -> httpx.Response | None:
            try:
                response = self._deployment.post(path, **body)
            except httpx.TransportError:
                return None
            return response if response.status_code < 500 else None

        return eventually(answer, ALL_S)

    def _controls(self) -> list[Control]:
        return list(Control.objects.filter(pk__in=[control.pk for control in self._pauses]))

    def _until_applied(self, control: Control) -> None:
        eventually(lambda: Control.objects.get(pk=control.pk).is_over, ALL_S)
        control.refresh_from_db()
        assert control.status == "applied", control.detail

    def _waiting(self) -> list[Approval]:
        return list(Approval.objects.pending().filter(run__in=self._runs))

    def _entered(self, run: Run):
        return ToolExecution.objects.filter(task_execution__run=run)

    def _have_ended(self) -> bool:
        """End the lease of the killed worker or program: the test does not wait its real time.

        It is ended at each call, because a report that was in flight at the kill renews it.
        """
        if self._lost:
            lost = Run.objects.filter(pk=self._lost.pk, status="running")
            models.QuerySet.update(lost, lease_until=timezone.now())
        runs = Run.objects.filter(pk__in=[run.pk for run in self._runs])
        return all(run.is_over for run in runs)


@pytest.mark.timeout(600 * ROUNDS)
def test_a_run_that_is_steered_ends_right_whatever_is_killed(transactional_db, tmp_path):
    acme, rng = make_tenant("acme"), random.Random(SEED)
    acme.crew.tasks.last().delete()
    ApprovalRule.objects.create(
        organization=acme.organization, tool="script", params="code=*gated*"
    )
    print(f"\nseed {SEED}")
    key = acme.issue_key("report")[1]
    with Deployment(tmp_path, acme.operator, **VARIABLES) as deployment:
        for number, (killed, name, point) in enumerate(rounds(rng)):
            eventually(deployment.is_ready, ALL_S)
            with begun(deployment, acme, key, name, f"{number}", tmp_path / "spool") as (
                runs,
                program,
            ):
                story = Story(deployment, name, killed, runs)
                story.reach(point)
                process = program if killed == "program" else deployment.programs()[killed]
                process.kill()
                print(f"{killed} killed after {name} {point}", flush=True)
                story.end()
                assert program.wait(ALL_S) is not None
            story.check()
            eventually(lambda: not deployment.at_work(), ALL_S)


def rounds(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """What is killed, in which story, after which step."""
    for _ in range(ROUNDS):
        for killed in KILLED:
            for name, points in POINTS.items():
                cases = [(killed, name, point) for point in points]
                if chosen := [case for case in cases if " ".join(case).startswith(ONLY)]:
                    yield rng.choice(chosen)


@contextmanager
def begun(
    deployment: Deployment, acme: Tenant, key: str, story: str, name: str, spool: Path
) -> Iterator[tuple[list[Run], subprocess.Popen]]:
    """A run of the worker and one of a program, which both carry out this story."""
    give_scripts(acme.crew, SCRIPTS[story])
    about = {
        "CREWOPS_URL": f"http://127.0.0.1:{deployment.port}",
        "CREWOPS_API_KEY": key,
        "CREWOPS_SPOOL_DIR": str(spool),
        "CREWOPS_FLUSH_S": str(ALL_S),
        "PYTHONPATH": str(PROJECT / "clients" / "python"),
    }
    run = Run.objects.get(pk=deployment.request(acme.crew.pk))
    argv = [sys.executable, Path(__file__).with_name("steered.py"), name, story]
    program = subprocess.Popen(argv, cwd=PROJECT, env=os.environ | about, stderr=subprocess.DEVNULL)
    try:
        reported = eventually(ReportedRun.objects.filter(key=name).first, ALL_S)
        is_at_work: Callable[[], bool] = lambda: all(  # noqa: E731
            ToolExecution.objects.filter(task_execution__run=each).exists()
            for each in (run, reported.run)
        )
        eventually(is_at_work if story == "control" else lambda: True, ALL_S)
        yield [run, reported.run], program
    finally:
        program.kill()
        program.wait()
