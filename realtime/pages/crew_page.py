"""The content of the crew page: the graph, agents with their tools, tasks with their steps."""

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from itertools import pairwise
from typing import Any
from uuid import UUID

from crews.models import Agent, Crew, Task
from crews.models.budget import AtLimit, Period
from realtime.pages.agents_at_work import AgentsAtWork, current_tools
from realtime.sockets.snapshots import (
    executions_of,
    handoffs_of,
    open_calls_of,
    parents_in,
    shown_runs,
)
from runs.execution.redaction import redact_params, secrets_in
from runs.models import Run
from runs.models.usage import Usage

RENDERED_BY_SERVER = (
    30  # agents or tasks; with more, the browser renders only those near the screen
)


class CrewPage:
    """A crew's agents and tasks, with the state of the graph's ``snapshot``."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.agents = list(crew.agents.all())
        self.tasks = list(crew.tasks.select_related("agent"))
        shown = shown_runs(self.crew.pk)
        self._handovers = reported_edges(shown)
        self._describe(self.agents, self.tasks, shown)

    @property
    def is_large(self) -> bool:
        return max(len(self.agents), len(self.tasks)) > RENDERED_BY_SERVER

    @property
    def graph(self) -> dict[str, Any]:
        """Agents in order, and an edge where a task of one agent comes after one of another.

        Reported runs add an edge for each agent that has called another or handed over to it.
        ``tasks`` has for each edge the planned tasks that follow.
        """
        edges: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for task, following in self._successions():
            if task.agent_id != following.agent_id:
                edges[task.agent.slug, following.agent.slug].append(str(following.pk))
        present = {agent.slug for agent in self.agents}
        for source, target in self._handovers:
            if {source, target} <= present:
                edges[source, target]  # without planned tasks
        return {
            "agents": [agent.slug for agent in self.agents],
            "edges": list(edges),
            "tasks": list(edges.values()),
        }

    def _successions(self) -> Iterable[tuple[Task, Task]]:
        """Pairs of tasks: the second comes after the first."""
        by_pk = {str(task.pk): task for task in self.tasks}
        pairs = [(by_pk[pk], task) for task in self.tasks for pk in task.after if pk in by_pk]
        is_a_chain = not pairs and self.crew.max_parallel == 1
        return pairwise(self.tasks) if is_a_chain else pairs

    @property
    def shape(self) -> str:
        """A hash of agents, edges and tasks, but not of what the agents do.

        A page that has this shape already gets an update without them.
        """
        names = [(agent.slug, agent.name, agent.role) for agent in self.agents]
        tasks = [
            (task.name, task.agent.slug, task.after, task.continue_on_error, task.steps)
            for task in self.tasks
        ]
        shape = json.dumps([names, tasks, self.graph["edges"]])
        return hashlib.sha256(shape.encode()).hexdigest()[:16]

    def _describe(self, agents: Iterable[Agent], tasks: Iterable[Task], shown: list[UUID]) -> None:
        """Set ``state``, ``model_calls``, ``tools``, ``waiting`` (a call that waits for approval),
        ``at_hand`` (the number of all three), ``numbered_tasks`` and ``current_task`` of each
        agent, ``calls`` and ``after_names`` of each task.
        """
        waits = bool(self.crew.approvals_pending)
        work = AgentsAtWork(shown, with_approvals=waits)
        model_calls = defaultdict(list)
        for call in open_calls_of(shown):
            model_calls[call["agent_id"]].append(call)
        executions = defaultdict(list)
        for execution in executions_of(shown):
            executions[execution["agent_id"]].append(execution)
        numbered = defaultdict(list)
        names = {str(task.pk): task.name for task in tasks}
        for number, task in enumerate(tasks, start=1):
            task.calls = [_call(step) for step in task.steps]
            task.after_names = [names[pk] for pk in task.after if pk in names]
            numbered[task.agent_id].append((number, task))
        for agent in agents:
            agent.model_calls = model_calls[agent.slug]
            agent.tools = current_tools(executions[agent.slug])
            for tool in agent.tools:
                tool["is_stopped"] = tool["status"] == "running" and tool["run_id"] in work.stopped
            agent.state = work.state_of(agent)
            agent.waiting = work.waiting_of(agent.slug)
            if agent.model_calls or agent.waiting:
                agent.tools = [tool for tool in agent.tools if tool["status"] == "running"]
            agent.at_hand = len(agent.model_calls) + len(agent.tools) + bool(agent.waiting)
            agent.numbered_tasks = numbered[agent.pk]
            agent.current_task, agent.task_name = work.current_of(agent.slug)


def reported_edges(shown: list[UUID]) -> list[tuple[str, str]]:
    """Pairs of agents of reported runs: the first has called the second, or handed over to it."""
    called = [(parent, agent) for agent, parent in parents_in(shown).items()]
    handed = [(one["from_agent_id"], one["to_agent_id"]) for one in handoffs_of(shown)]
    return [(one, other) for one, other in dict.fromkeys([*called, *handed]) if one != other]


def usage_of(runs: Iterable[Run]) -> Usage:
    """Return the totals of the model calls of these runs. Totals that no run has stay unknown."""
    each = [run.usage for run in runs]
    totals = {}
    for field in fields(Usage):
        known = [n for usage in each if (n := getattr(usage, field.name)) is not None]
        counts = field.name.startswith(("model_calls", "calls_"))
        totals[field.name] = sum(known) if known or counts else None
    return Usage(**totals)


def start_refusal(
    crew: Crew, *, has_tasks: bool, may_operate: bool, worker_alive: bool, budget_used_up: str = ""
) -> str:
    """The reason why Start is disabled, for people; empty if it is not.

    ``budget_used_up``: what becomes of a new run today, see `budget_starts.start_refusal_reason`.
    """
    if not may_operate:
        return "You watch this crew. Operators and admins of its organization start runs."
    if not crew.is_active:
        return "The crew is deactivated."
    if not has_tasks:
        return "The crew has no task yet."
    if budget_used_up and crew.at_limit(Period.DAY) == AtLimit.CANCEL:
        return budget_used_up
    if not worker_alive:
        return "No worker is running to carry it out."
    return ""


def _call(step: dict[str, Any]) -> dict[str, Any]:
    """A step as a page shows it: the tool, and its parameters as text without secrets."""
    params = step.get("params", {})
    shown = redact_params(params, secrets_in(params))
    return {"tool": step["tool"], "params": [_param(name, shown[name]) for name in shown]}


def _param(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = shlex.join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"name": name, "text": text, "is_block": "\n" in text or len(text) > 120}
