"""The tasks of a crew's agents, and the state of each agent derived from them, for its page."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery, UUIDField, Value

from crews.models import Agent
from runs.events.agent_states import agent_state
from runs.models import Approval, Run, TaskExecution

NOTHING = {"id": Value(None, UUIDField()), "tool": Value("")}


class AgentsAtWork:
    """The tasks of the agents in the runs of the graph, in one query.

    ``with_approvals``: whether a tool call of the crew may wait for approval. ``stopped``: the ids
    of the runs of workers that are paused; a pause has stopped their tools, too.
    """

    def __init__(self, shown: list[UUID], *, with_approvals: bool) -> None:
        rows = TaskExecution.objects.unscoped().filter(run__in=shown).order_by("started_at")
        asked = Approval.objects.unscoped().pending().filter(run=OuterRef("run"))
        asked = asked.filter(agent_id=OuterRef("agent_id")).order_by("requested_at", "id")
        for name in ("id", "tool"):
            first = Subquery(asked.values(name)[:1]) if with_approvals else NOTHING[name]
            rows = rows.annotate(**{f"asked_{name}": first})
        self.stopped: set[str] = set()
        self._waiting: dict[str, dict[str, Any]] = {}
        self._work: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
        self._tasks: defaultdict[str, list[tuple[str, UUID, str]]] = defaultdict(list)
        columns = ("agent_id", "asked_id", "asked_tool", "run_id", "run__origin", "run__paused_at")
        for agent_id, asked_id, tool, run_id, origin, paused_at, *task in rows.values_list(
            *columns, "status", "task_id", "name"
        ):
            self._work[agent_id].append((task[0], paused_at is not None))
            self._tasks[agent_id].append(tuple(task))
            if asked_id:
                self._waiting.setdefault(agent_id, {"approval_id": asked_id, "tool": tool})
            if paused_at and origin != Run.Origin.REPORTED:
                self.stopped.add(str(run_id))

    def state_of(self, agent: Agent) -> str:
        """The agent's state, from its tasks and its ``model_calls`` and ``tools``."""
        if agent.slug in self._waiting:
            return "waiting"
        if agent.model_calls:
            return "thinking"
        running = [tool for tool in agent.tools if tool["status"] == "running"]
        tools = [("running", tool["is_stopped"]) for tool in running]
        return agent_state([*self._work[agent.slug], *tools])

    def waiting_of(self, agent_id: str) -> dict[str, Any] | None:
        """``{approval_id, tool}`` of the agent's call that has waited longest for approval."""
        return self._waiting.get(agent_id)

    def current_of(self, agent_id: str) -> tuple[UUID | None, str]:
        """Id and name of the agent's running task, else of its last one."""
        own = self._tasks[agent_id]
        running = [task for task in own if task[0] == "running"]
        newest = (running or own)[-1:]
        return newest[0][1:] if newest else (None, "")


def current_tools(executions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The running ones of an agent's executions (oldest first), or else the last one."""
    return [e for e in executions if e["status"] == "running"] or executions[-1:]
