"""``python benchmarks/big_run.py VERB``: large runs and a large crew, made through the models.

It imports nothing of a layout that has changed, so it also seeds a checkout of an older commit:
with that checkout as working directory and in ``PYTHONPATH``. Each verb prints one line of JSON.
"""

import argparse
import json
import os
import time
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from crews.models import Agent, Crew, Membership, Organization, Role, Task  # noqa: E402
from runs.models import Run, TaskExecution, ToolExecution  # noqa: E402

AGENTS, TASKS, TOOLS = 100, 1_000, 20  # of the runs; tools are of each task
GRAPH_AGENTS, GRAPH_TASKS = 300, 601  # of the crew; its tasks make about 600 edges
STEP = {"tool": "script", "params": {"interpreter": "bash", "code": "x" * 50}}
LINE = "collected 12 items, 11 passed, 1 skipped in 0.31 s\n"


def seed() -> dict[str, str]:
    """An ended run, a run half done, a crew with a large graph, and a viewer's session."""
    organization = Organization.objects.create(name="Big", slug="big")
    user = User.objects.create_user("big-viewer")
    Membership.objects.create(organization=organization, user=user, role=Role.VIEWER)
    crew = _crew(organization, "runs", AGENTS, [n % AGENTS for n in range(TASKS)], TOOLS)
    with transaction.atomic():
        ended = _run(crew, TASKS)
        ended.finish("succeeded")
    with transaction.atomic():
        live = _run(crew, TASKS // 2)
    many = GRAPH_AGENTS
    walk = [n if n < many else (7 * n * n + 3 * n) % many for n in range(GRAPH_TASKS)]
    graph = _crew(organization, "graph", many, walk, 1)
    client = Client()
    client.force_login(user)
    return {
        "ended": f"/runs/{ended.pk}/",
        "live": f"/runs/{live.pk}/",
        "graph": f"/crews/{graph.pk}/",
        "run": str(live.pk),
        "session": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }


def work(*, run: str, rate: float) -> None:
    """Carry on the run: ``rate`` reports a second, a tool a second, until it is stopped."""
    record = Run.objects.get(pk=run)
    begun = time.monotonic()
    sent = 0
    for planned in record.plan["tasks"][record.task_executions.count() :]:
        task = TaskExecution.objects.start(run=record, task=planned)
        for _ in planned["steps"]:
            tool = ToolExecution.objects.start(
                task_execution=task, tool="script", params=STEP["params"]
            )
            for number in range(1, round(rate) + 1):
                sent += 1
                time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
                tool.report(message=f"line {number}", progress=number / rate, output=LINE)
            tool.end("success", exit_code=0)
        task.finish("succeeded")


def _crew(organization: Organization, slug: str, agents: int, walk: list[int], steps: int) -> Crew:
    """A crew whose tasks go to the agents with the numbers of ``walk``."""
    crew = Crew.objects.create(organization=organization, name=slug.title(), slug=slug)
    members = [
        Agent(crew=crew, name=f"Agent {n}", slug=f"agent-{n}", role="Works", order=n)
        for n in range(agents)
    ]
    _insert(members)
    _insert(
        Task(crew=crew, agent=members[agent], name=f"Task {n}", order=n, steps=[STEP] * steps)
        for n, agent in enumerate(walk)
    )
    return crew


def _run(crew: Crew, tasks: int) -> Run:
    """A run that has carried out so many tasks. Its tools are rows without events."""
    run = Run.objects.create(crew=crew)
    run.start(worker="bench")
    for planned in run.plan["tasks"][:tasks]:
        task = TaskExecution.objects.start(run=run, task=planned)
        _insert(_tools(task))
        task.finish("succeeded")
    return run


def _tools(task: TaskExecution) -> list[ToolExecution]:
    now = timezone.now()
    return [
        ToolExecution(
            task_execution=task, tool="script", params=STEP["params"], status="success",
            exit_code=0, message="11 passed", started_at=now,
            ended_at=now + timedelta(milliseconds=number),
        )
        for number in range(TOOLS)
    ]  # fmt: skip


def _insert(records: Any) -> None:
    records = list(records)
    models.QuerySet.bulk_create(type(records[0])._default_manager.all(), records)


def main() -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("seed")
    working = verbs.add_parser("work")
    working.add_argument("--run", required=True)
    working.add_argument("--rate", type=float, required=True)
    given = vars(parser.parse_args())
    verb = {"seed": seed, "work": work}[given.pop("verb")]
    print(json.dumps(verb(**given)))


if __name__ == "__main__":
    main()
