"""The state machines of a run that a worker carries out, with one process or with helpers."""

from datetime import timedelta

import hypothesis.strategies as st
from django.db import models
from django.utils import timezone
from hypothesis.stateful import initialize, invariant, rule

from crews.models import ApprovalRule, Task
from runs.execution import run_queue
from runs.models import Run, TaskExecution
from runs.tests.steering.machine import Steering
from runs.tests.steering.worker import Worker
from runs.tools import Status


class OfWorker(Steering):
    """One task after the other: a step with a gate, then one with and one without."""

    CODES = (("1",), ("2", "0"))  # of the tasks' steps
    GATED = ("1", "2")
    PARALLEL = 1

    def begin(self) -> Run:
        crew = self.acme.crew
        crew.max_parallel = self.PARALLEL
        crew.save()
        crew.tasks.all().delete()
        agent = crew.agents.first()
        for order, codes in enumerate(self.CODES):
            steps = [
                {"tool": "script", "params": {"interpreter": "bash", "code": code}}
                for code in codes
            ]
            about = {"name": f"Task {order}", "order": order, "continue_on_error": True}
            Task.objects.create(crew=crew, agent=agent, steps=steps, **about)
        rule = {"organization": self.acme.organization, "tool": "script", "params": "code=[12]"}
        ApprovalRule.objects.create(**rule)
        Run.objects.create(crew=crew)
        run = run_queue.claim(worker="w")
        self.worker = Worker(run, self.enter_of_worker, self.leave_of_worker)
        return run

    def enter_of_worker(self, code: str) -> None:
        run = self.now()
        if run.is_over or run.attempt != self.run.held_attempt:
            self.faults.append(f"{code} is entered by a worker that has lost the run")
        if run.paused_at:
            self.faults.append(f"{code} is entered in a pause")
        self.enter(code, gated=code in self.GATED)

    def leave_of_worker(self, code: str) -> None:
        if self.now().paused_at:
            self.faults.append(f"{code} goes on in a pause")

    @initialize(steps=st.integers(0, 20))
    def begin_to_work(self, steps: int) -> None:
        for _ in range(steps):
            self.worker.step()

    @rule(steps=st.integers(1, 6), looks=st.booleans())
    def work(self, steps: int, looks: bool) -> None:
        if looks:
            self.worker.look()
        for _ in range(steps):
            self.worker.step()

    @rule(outcome=st.sampled_from([Status.SUCCESS, Status.SUCCESS, Status.ERROR]))
    def end_tool(self, outcome: Status) -> None:
        self.worker.outcome = outcome
        self.work(8, looks=True)

    def attend(self) -> None:
        self.worker.attend()

    def rest(self) -> None:
        self.worker.rest()

    def close(self) -> None:
        self.worker.close()


class WithHelpers(OfWorker):
    """Three tasks that wait for no other: other processes of the worker help with them."""

    CODES = (("0", "1"), ("3", "2"), ("4",))
    PARALLEL = 3

    @initialize(steps=st.integers(8, 20), helpers=st.integers(1, 2))
    def begin_to_work(self, steps: int, helpers: int) -> None:
        super().begin_to_work(steps)
        for _ in range(helpers):
            self.answer_call(0, stays=False)
            super().begin_to_work(steps)

    @rule(which=st.integers(0, 5), stays=st.booleans())
    def answer_call(self, which: int, stays: bool) -> None:
        """Late, twice, or never."""
        self.worker.answer(which, stays=stays)
        self.worker.turn_to(-1)

    @rule(which=st.integers(0, 5), steps=st.integers(1, 6), looks=st.booleans())
    def turn_to(self, which: int, steps: int, looks: bool) -> None:
        self.worker.turn_to(which)
        self.work(steps, looks)

    @rule(which=st.integers(0, 5), other=st.integers(0, 5))
    def pause_one(self, which: int, other: int) -> None:
        """One process follows a pause that another one, whose tool may end, has not seen yet."""
        self.ask("pause")
        self.turn_to(which, 6, looks=True)
        self.worker.outcome = Status.SUCCESS
        self.turn_to(other, 6, looks=False)

    @rule(which=st.integers(0, 5), how=st.sampled_from(["", "", "", "killed", "silent"]))
    def lose_helper(self, which: int, how: str) -> None:
        """It is killed, or only silent for too long. A sweep notices."""
        if how and (helpers := self.worker.helpers):
            helper = helpers[which % len(helpers)]
            leased = TaskExecution.objects.filter(pk=helper.lease.task.pk, status="running")
            past = timezone.now() - timedelta(seconds=1)
            models.QuerySet.update(leased, lease_until=past)
            if how == "killed":
                helper.kill()

    def attend(self) -> None:
        self.sweep()
        super().attend()

    @invariant()
    def holds(self) -> None:
        super().holds()
        running = self.run.task_executions.filter(status="running").count()
        assert running <= self.PARALLEL, "more tasks at once than the crew allows"
