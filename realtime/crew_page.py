"""What the crew page shows: the graph's shape, each agent with its tools, tasks with their steps."""

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from crews.models import Agent, Crew, Task
from realtime.snapshots import crew_state
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
        """The graph's shape: agents in order, and an edge wherever a task hands over to the next."""
        walk = [task.agent.slug for task in self.tasks]
        edges = dict.fromkeys((a, b) for a, b in pairwise(walk) if a != b)
        return {"agents": [agent.slug for agent in self.agents], "edges": list(edges)}

    @property
    def shape(self) -> str:
        """Changes when the page must be drawn anew: with agents and tasks, not with what they do."""
        names = [(agent.slug, agent.name, agent.role) for agent in self.agents]
        tasks = [(task.name, task.agent.slug) for task in self.tasks]
        return hashlib.sha256(json.dumps([names, tasks]).encode()).hexdigest()[:16]

    def _describe(self, agents: Iterable[Agent], tasks: Iterable[Task]) -> None:
        """Give each agent ``state``, ``tools`` and ``numbered_tasks``, each task its ``calls``."""
        state = crew_state(self.crew.pk)
        states = {agent["agent_id"]: agent["state"] for agent in state["agents"]}
        executions = defaultdict(list)
        for execution in state["executions"]:
            executions[execution["agent_id"]].append(execution)
        numbered = defaultdict(list)
        for number, task in enumerate(tasks, start=1):
            task.calls = [_call(step) for step in task.steps]
            numbered[task.agent_id].append((number, task.name))
        for agent in agents:
            agent.state = states.get(agent.slug, "idle")
            agent.tools = current_tools(executions[agent.slug])
            agent.numbered_tasks = numbered[agent.pk]


def current_tools(executions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of an agent's executions, oldest first: those under way, else the last one."""
    return [e for e in executions if e["status"] == "running"] or executions[-1:]


def start_refusal(crew: Crew, *, may_operate: bool, worker_alive: bool) -> str:
    """Why nobody can press Start now, for a person; empty when it can be pressed."""
    if not may_operate:
        return "You watch this crew. Operators and admins of its organization start runs."
    if not crew.is_active:
        return "The crew is deactivated."
    if not crew.tasks.exists():
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
