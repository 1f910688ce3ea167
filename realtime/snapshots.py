"""The state of a crew's graph at one seq: applying the events after it gives the present state."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from crews.models import Agent
from realtime import log
from realtime.events import clean, stamp
from runs.models import Run, TaskExecution, ToolExecution

EXECUTIONS_LIMIT = 200


def graph(stream: str) -> dict[str, Any]:
    """The ``snapshot`` frame of a graph stream, which `log.position` has made if nothing else has.

    ``agents``: ``{agent_id, name, role, state}`` with state idle, working, done or error.
    ``executions``, oldest first: those of the runs under way and of the newest run, each
    ``{run_id, agent_id, execution_id, tool, params, status, message, progress, exit_code,
    started_at, duration_s, output_length}``; ``output_length`` counts the characters written up to
    ``seq``, so a page that fetches the whole output knows where the events after it go on.
    """
    crew_id = stream.partition(":")[2]
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # One picture of head and state; SQLite's transactions are that already.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        position = log.position(stream)
        state = crew_state(crew_id)
    return {"type": "snapshot", "stream": stream, "seq": position.head} | state


def shown_runs(crew_id: UUID | str) -> list[UUID]:
    """Runs that the crew's graph shows: those under way, and the newest.

    Asked for one by one: a database answers either from an index, but not both together.
    """
    runs = Run.objects.whoever_asks().filter(crew=crew_id)
    newest = runs.order_by("-created_at", "-pk").values_list("pk", flat=True)[:1]
    under_way = runs.filter(status__in=Run.ACTIVE).order_by().values_list("pk", flat=True)
    return list({*newest, *under_way})


def crew_state(crew_id: UUID | str) -> dict[str, list[dict[str, Any]]]:
    """``agents`` and ``executions`` of the snapshot, as they are now."""
    shown = shown_runs(crew_id)
    states = states_of(shown)
    return {
        "agents": [
            {
                "agent_id": agent.slug,
                "name": agent.name,
                "role": agent.role,
                "state": states.get(agent.slug, "idle"),
            }
            for agent in Agent.objects.whoever_asks().filter(crew=crew_id).order_by("order", "slug")
        ],
        "executions": executions_of(shown),
    }


def executions_of(run_ids: list[UUID]) -> list[dict[str, Any]]:
    """The newest executions of these runs, oldest first."""
    executions = (
        ToolExecution.objects.whoever_asks()
        .filter(task_execution__run__in=run_ids)
        .select_related("task_execution")
        .order_by("-started_at")[:EXECUTIONS_LIMIT]
    )
    return [_execution(execution) for execution in reversed(executions)]


def states_of(run_ids: list[UUID]) -> dict[str, str]:
    """Each agent's state from its tasks in these runs; a task under way outweighs one that ended."""
    word = {"running": "working", "succeeded": "done", "failed": "error", "cancelled": "idle"}
    states: dict[str, str] = {}
    tasks = TaskExecution.objects.whoever_asks().filter(run__in=run_ids).order_by("started_at")
    for agent_id, status in tasks.values_list("agent_id", "status"):
        if states.get(agent_id) != "working":
            states[agent_id] = word[status]
    return states


def _execution(execution: ToolExecution) -> dict[str, Any]:
    task = execution.task_execution
    return clean(
        {
            "run_id": task.run_id,
            "agent_id": task.agent_id,
            "execution_id": execution.pk,
            "tool": execution.tool,
            "params": execution.params,
            "status": execution.status,
            "message": execution.message,
            "progress": execution.progress,
            "exit_code": execution.exit_code,
            "started_at": stamp(execution.started_at),
            "duration_s": execution.duration_s,
            "output_length": execution.output_length,
        }
    )
