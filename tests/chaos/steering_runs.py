"""The three runs that are steered: a worker's with one task, one with parallel tasks, a program's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.models import Count

from conftest import Tenant
from crews.models import ApprovalRule, Crew, Task
from runs.models import Approval, ReportedRun, Run, ToolExecution
from tests.chaos.deployment import Deployment
from tests.live import PROJECT, eventually

ALL_S = 120.0
PARALLEL = 3  # independent tasks, each with a process of the worker's pool
TASKS = (1, PARALLEL, 1)  # of each run
GATED = "sleep 3 # gated"
# It ignores SIGTERM, so that a cancel is not applied at once.
LONG = "trap '' TERM; sleep 300 & sleep 300; true"


class Steered:
    """Begins the runs of ``acme``, again and again."""

    def __init__(self, deployment: Deployment, acme: Tenant, spool: Path) -> None:
        self._deployment = deployment
        self._crews = [acme.crew, parallel_crew(acme)]
        self._spool = spool
        self._key = acme.issue_key("report")[1]
        acme.crew.tasks.last().delete()
        ApprovalRule.objects.create(
            organization=acme.organization, tool="script", params="code=*gated*"
        )

    @contextmanager
    def begun(self, name: str, control: str) -> Iterator[tuple[list[Run], subprocess.Popen]]:
        """The runs, once all of their tasks are at work or wait for approval, and the program."""
        code = GATED if control == "approval" else LONG
        steps = [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]
        for task in Task.objects.filter(crew__in=self._crews):
            task.steps = steps
            task.save()
        ids = [self._deployment.request(crew.pk) for crew in self._crews]
        program = self._start_program(name, control)
        try:
            reported = eventually(ReportedRun.objects.filter(key=name).first, ALL_S)
            runs = [*(Run.objects.get(pk=id) for id in ids), reported.run]
            eventually(lambda: are_at_work(runs, control), ALL_S)
            yield runs, program
        finally:
            program.kill()
            program.wait()

    def _start_program(self, name: str, control: str) -> subprocess.Popen:
        about = {
            "CREWOPS_URL": f"http://127.0.0.1:{self._deployment.port}",
            "CREWOPS_API_KEY": self._key,
            "CREWOPS_SPOOL_DIR": str(self._spool),
            "CREWOPS_FLUSH_S": str(ALL_S),
            "PYTHONPATH": str(PROJECT / "clients" / "python"),
        }
        argv = [sys.executable, Path(__file__).with_name("steered.py"), name, control]
        return subprocess.Popen(
            argv, cwd=PROJECT, env=os.environ | about, stderr=subprocess.DEVNULL
        )


def parallel_crew(acme: Tenant) -> Crew:
    about = {"name": "Parallel crew", "slug": "parallel", "max_parallel": PARALLEL}
    crew = Crew.objects.create(organization=acme.organization, **about)
    agent = crew.agents.create(name="Orion", slug="orion")
    for order in range(PARALLEL):
        Task.objects.create(crew=crew, agent=agent, name=f"Task {order}", order=order)
    return crew


def are_at_work(runs: list[Run], control: str) -> bool:
    """Whether each task of the worker's runs has come to its call, and the program to one."""
    if control == "approval":
        found = Approval.objects.pending().filter(run__in=runs).order_by()
        of_run = dict(found.values_list("run").annotate(Count("pk")))
    else:
        found = ToolExecution.objects.filter(task_execution__run__in=runs).order_by()
        of_run = dict(found.values_list("task_execution__run").annotate(Count("pk")))
    return all(of_run.get(run.pk, 0) >= tasks for run, tasks in zip(runs, TASKS, strict=True))
