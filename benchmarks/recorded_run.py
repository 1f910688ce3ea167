"""``python -m benchmarks.recorded_run seed``: an ended run with 100,000 events, to look back at.

Prints one line of JSON: the paths of its page and of its crew's, and a viewer's session.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402

from benchmarks import verbs  # noqa: E402
from crews.models import Agent, Crew, Membership, Organization, Role, Task  # noqa: E402
from realtime import log  # noqa: E402
from realtime.log import streams  # noqa: E402
from runs.events.kinds import ToolProgress  # noqa: E402
from runs.models import Run, TaskExecution, ToolExecution  # noqa: E402

AGENTS, TASKS, TOOLS = 10, 50, 20  # tools are of each task
REPORTS, TOGETHER = 10, 10  # of each tool, and how many events are logged at one time
STEP = {"tool": "script", "params": {"interpreter": "bash", "code": "true"}}


def seed() -> dict[str, str]:
    """Carry out the run. What its tools report is logged without rows, ten events at a time."""
    organization = Organization.objects.create(name="Recorded", slug="recorded")
    user = User.objects.create_user("recorded-viewer")
    Membership.objects.create(organization=organization, user=user, role=Role.VIEWER)
    crew = Crew.objects.create(organization=organization, name="Recorded", slug="recorded")
    agents = [
        Agent.objects.create(crew=crew, name=f"Agent {n}", slug=f"agent-{n}", order=n)
        for n in range(AGENTS)
    ]
    for n in range(TASKS):
        agent, steps = agents[n % AGENTS], [STEP] * TOOLS
        Task.objects.create(crew=crew, agent=agent, name=f"Task {n}", order=n, steps=steps)
    run = Run.objects.create(crew=crew)
    run.start(worker="bench")
    for planned in run.plan["tasks"]:
        task = TaskExecution.objects.start(run=run, task=planned)
        for _ in planned["steps"]:
            tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
            for number in range(REPORTS):
                log.append(streams.graph(crew.pk), _reports(run, task, tool, number))
            tool.end("success", exit_code=0)
        task.finish("succeeded")
    run.finish("succeeded")
    client = Client()
    client.force_login(user)
    return {
        "run": run.get_absolute_url(),
        "crew": crew.get_absolute_url(),
        "session": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }


def _reports(run: Run, task: TaskExecution, tool: ToolExecution, number: int) -> list[ToolProgress]:
    ids = {
        "crew_id": str(run.crew_id),
        "run_id": str(run.pk),
        "agent_id": task.agent_id,
        "execution_id": str(tool.pk),
    }
    return [
        ToolProgress(**ids, tool="script", message=f"line {number * TOGETHER + n}")
        for n in range(TOGETHER)
    ]


if __name__ == "__main__":
    verbs.run(seed)
