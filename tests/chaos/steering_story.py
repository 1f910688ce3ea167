"""What people do with the steered runs, and what has to be true of them once they are over."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from django.db import models
from django.utils import timezone

from runs.models import Approval, Control, Run, ToolExecution
from runs.tests.steering.stream_reader import StreamReader
from tests.chaos.deployment import Deployment
from tests.chaos.steering_plan import Case
from tests.chaos.steering_runs import ALL_S, TASKS
from tests.live import eventually

ENDS_BY_ITSELF = ("cancel", "approval")  # a run that is lost then may have come to its end before


class Story:
    """A case, with the runs of `Steered.begun`."""

    def __init__(self, deployment: Deployment, case: Case, runs: list[Run]) -> None:
        self._deployment = deployment
        self._case = case
        self._runs = runs
        self._lost = {"worker": runs[:2], "program": runs[2:]}.get(case.killed, [])
        # A process of the pool holds one of the worker's runs, or a task of the parallel one.
        self._may_be_lost = runs[:2] if case.killed == "child" else self._lost
        self._controls: list[Control] = []

    def reach(self) -> None:
        """Go on until all runs have come to the step of the case."""
        step = self._case.step
        if self._case.control == "approval":
            if step != "requested":
                self._approve_all()
            if step == "entered":
                eventually(lambda: self._entered() >= Counter(self._tasks()), ALL_S)
            return
        if self._case.control == "resume":
            self._ask("pause", self._runs)
            eventually(self._are_answered, ALL_S)
        self._ask(self._case.control, self._runs)
        if step == "acknowledged":
            eventually(lambda: all(c.acknowledged_at or c.is_over for c in self._read()), ALL_S)
        elif step == "applied":
            eventually(self._are_answered, ALL_S)

    def stand(self) -> str:
        """The step of each run, for people who read the log of the trial."""
        if self._case.control == "approval":
            asked = Approval.objects.filter(run__in=self._runs)
            entered = self._entered().total()
            statuses = [*asked.values_list("status", flat=True), *["entered"] * entered]
        else:
            statuses = [control.status for control in self._read()[-len(self._runs) :]]
        return ", ".join(f"{number} {status}" for status, number in Counter(statuses).items())

    def end(self) -> None:
        """Go on to the end, as people do: approve what waits, or resume and then cancel."""
        if self._case.control == "approval":
            eventually(lambda: self._approve_all() or self._have_ended(), ALL_S)
            return
        left = [run for run in self._runs if run not in self._lost]
        eventually(lambda: self._are_answered(left), ALL_S)
        if self._case.control == "pause":
            self._ask("resume", left)
            eventually(lambda: self._are_answered(left), ALL_S)
        self._ask("cancel", left)
        eventually(self._have_ended, ALL_S)

    def check(self) -> None:
        ends_by_itself = self._case.control in ENDS_BY_ITSELF
        lost = 0
        for run, tasks in zip(self._runs, TASKS, strict=True):
            run.refresh_from_db()
            StreamReader().read(run)
            by = "reporter_lost" if run.is_reported else "worker_lost"
            is_lost = run in self._may_be_lost and (run.status, run.reason) == ("failed", by)
            lost += is_lost
            assert is_lost or ends_by_itself or run not in self._lost, "it was not ended as lost"
            if self._case.control == "approval":
                self._check_calls(run, tasks, is_lost=is_lost)
            if not is_lost:
                self._check_end(run)
        if self._case.killed == "child":
            assert lost <= 1 if ends_by_itself else lost == 1, f"{lost} runs were lost"

    def _check_end(self, run: Run) -> None:
        """It ended as people want, and did what they asked for."""
        is_approval = self._case.control == "approval"
        expected = ("succeeded", "") if is_approval else ("cancelled", "cancelled")
        assert (run.status, run.reason) == expected, run.message
        for control in self._controls:
            if control.run_id == run.pk:
                control.refresh_from_db()
                refused = control.action == "message" and not run.is_reported
                answer = "refused" if refused else "applied"
                assert control.status == answer, f"{control}: {control.detail}"

    def _check_calls(self, run: Run, tasks: int, *, is_lost: bool) -> None:
        entered = list(ToolExecution.objects.filter(task_execution__run=run))
        of_tasks = {tool.task_execution_id for tool in entered}
        assert len(entered) == len(of_tasks) <= tasks, "a call was entered twice"
        assert is_lost or len(entered) == tasks
        asked = Approval.objects.filter(run=run)
        for tool in entered:
            its = asked if run.is_reported else asked.filter(task_id=tool.task_execution.task_id)
            assert its.filter(status="approved", decided_at__lte=tool.started_at).exists()
        assert not asked.filter(status="pending").exists()
        assert all(a.note for a in asked.filter(status="expired")), "it is not said why"

    def _ask(self, action: str, runs: list[Run]) -> None:
        """Ask these runs. One that was lost with a process of the pool may have ended already."""
        body = {"action": action} | ({"text": "Be quick."} if action == "message" else {})
        paths = [f"/api/runs/{run.pk}/controls/" for run in runs]
        for run, answer in zip(runs, self._post_all([(path, body) for path in paths]), strict=True):
            if answer.status_code == 409 and Run.objects.get(pk=run.pk).is_over:
                continue
            assert answer.status_code == 202, answer.text
            self._controls.append(Control.objects.get(pk=answer.json()["control_id"]))

    def _approve_all(self) -> None:
        waiting = Approval.objects.pending().filter(run__in=self._runs)
        decisions = [
            (f"/api/approvals/{asked.pk}/", {"decision": "approve", "seen": asked.seen})
            for asked in waiting
        ]
        for answer in self._post_all(decisions):
            assert answer.status_code in (200, 409), answer.text  # it may have ended meanwhile

    def _post_all(self, requests: list[tuple[str, dict[str, str]]]) -> list[httpx.Response]:
        """Send all at the same time, so that no run is a step ahead of the others."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(lambda request: self._post(*request), requests))

    def _post(self, path: str, body: dict[str, str]) -> httpx.Response:
        """Send it again while nobody answers: repeating a control or a decision is harmless."""

        def answer() -> httpx.Response | None:
            try:
                response = self._deployment.post(path, **body)
            except httpx.TransportError:
                return None
            return response if response.status_code < 500 else None

        return eventually(answer, ALL_S)

    def _read(self) -> list[Control]:
        """All controls as they are now, in the order of the requests."""
        found = Control.objects.in_bulk([control.pk for control in self._controls])
        return [found[control.pk] for control in self._controls]

    def _are_answered(self, runs: list[Run] | None = None) -> bool:
        of = {run.pk for run in (self._runs if runs is None else runs)}
        return all(control.is_over for control in self._read() if control.run_id in of)

    def _tasks(self) -> dict[Any, int]:
        return {run.pk: tasks for run, tasks in zip(self._runs, TASKS, strict=True)}

    def _entered(self) -> Counter[Any]:
        """The number of entered calls of each run."""
        found = ToolExecution.objects.filter(task_execution__run__in=self._runs)
        return Counter(found.values_list("task_execution__run", flat=True))

    def _have_ended(self) -> bool:
        """End the lease of the killed worker or program: the test does not wait its real time.

        It is ended at each call, because a report that was in flight at the kill renews it.
        """
        running = Run.objects.filter(pk__in=[run.pk for run in self._lost], status="running")
        models.QuerySet.update(running, lease_until=timezone.now())
        return all(run.is_over for run in Run.objects.filter(pk__in=[r.pk for r in self._runs]))
