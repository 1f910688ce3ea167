"""What the crew page shows: the graph's shape, each agent with its tools, tasks with their steps."""

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any
from uuid import UUID

from crews.models import Agent, Crew, Task
from realtime.snapshots import executions_of, shown_runs, states_of
from runs.models import TaskExecution
from runs.redaction import redact_params, secrets_in


class CrewPage:
    """A crew's agents and tasks, with the state of the graph's ``snapshot``."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.agents = list(crew.agents.all())
        self.tasks = list(crew.tasks.select_related("agent"))
        self._describe(self.agents, self.tasks)

    @property
    def graph(self) -> dict[str, Any]:
        """The graph's shape: agents in order, and an edge wherever a task hands over to the next.

        ``tasks`` holds for each edge the tasks that begin by it.
        """
        edges: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for task, following in pairwise(self.tasks):
            if task.agent_id != following.agent_id:
                edges[task.agent.slug, following.agent.slug].append(str(following.pk))
        return {
            "agents": [agent.slug for agent in self.agents],
            "edges": list(edges),
            "tasks": list(edges.values()),
        }

    @property
    def shape(self) -> str:
        """Changes when the page must be drawn anew: with agents and tasks, not with what they do."""
        names = [(agent.slug, agent.name, agent.role) for agent in self.agents]
        tasks = [
            (task.name, task.agent.slug, task.continue_on_error, task.steps) for task in self.tasks
        ]
        return hashlib.sha256(json.dumps([names, tasks]).encode()).hexdigest()[:16]

    def _describe(self, agents: Iterable[Agent], tasks: Iterable[Task]) -> None:
        """Give each agent ``state``, ``tools``, ``numbered_tasks`` and ``current_task``; each task
        its ``calls``."""
        shown = shown_runs(self.crew.pk)
        current = current_tasks(shown)
        states = states_of(shown)
        executions = defaultdict(list)
        for execution in executions_of(shown):
            executions[execution["agent_id"]].append(execution)
        numbered = defaultdict(list)
        for number, task in enumerate(tasks, start=1):
            task.calls = [_call(step) for step in task.steps]
            numbered[task.agent_id].append((number, task))
        for agent in agents:
            agent.state = states.get(agent.slug, "idle")
            agent.tools = current_tools(executions[agent.slug])
            agent.numbered_tasks = numbered[agent.pk]
            agent.current_task = current.get(agent.slug)


def current_tasks(shown: list[UUID]) -> dict[str, UUID]:
    """By agent the task that it has in hand, else the last one, of the runs that the graph shows."""
    of_crew = TaskExecution.objects.whoever_asks().filter(run__in=shown)
    tasks = of_crew.order_by("started_at")
    told = list(tasks.values_list("agent_id", "task_id", "status"))
    last = {agent: task for agent, task, _ in told}
    return last | {agent: task for agent, task, status in told if status == "running"}


def current_tools(executions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of an agent's executions, oldest first: those under way, else the last one."""
    return [e for e in executions if e["status"] == "running"] or executions[-1:]


def start_refusal(crew: Crew, *, has_tasks: bool, may_operate: bool, worker_alive: bool) -> str:
    """Why nobody can press Start now, for a person; empty when it can be pressed."""
    if not may_operate:
        return "You watch this crew. Operators and admins of its organization start runs."
    if not crew.is_active:
        return "The crew is deactivated."
    if not has_tasks:
        return "The crew has no task yet."
    if not worker_alive:
        return "No worker is running to carry it out."
    return ""


def _call(step: dict[str, Any]) -> dict[str, Any]:
    """A step as a page may show it: the tool, and its parameters without secrets as text."""
    params = step.get("params", {})
    shown = redact_params(params, secrets_in(params))
    return {"tool": step["tool"], "params": [_param(name, shown[name]) for name in shown]}


def _param(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = shlex.join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"name": name, "text": text, "is_block": "\n" in text or len(text) > 120}
