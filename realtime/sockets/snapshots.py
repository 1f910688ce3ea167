"""The state of a crew's graph at one seq. With the events after it, it gives the present state."""

from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from crews.models import Agent
from realtime import log
from runs.events.agent_states import agent_state
from runs.events.encoding import clean, iso_utc
from runs.events.model_state import HANDOFFS_KEPT, NO_USAGE
from runs.events.state import EXECUTIONS_KEPT
from runs.models import Handoff, ModelCall, Run, TaskExecution, ToolExecution
from runs.models.timespan import seconds_between

CALLS_AT_MOST = 1000  # in a snapshot
PARAMS_LIMIT = 2048  # bytes of JSON of an execution's params: there may be 200 of 64 KiB
PARAM_TEXT_LIMIT = 500  # characters kept of each text in longer params
# Only these columns of an execution are read: instances of the model take twice as long.
EXECUTION = (
    "task_execution__run_id", "task_execution__agent_id", "pk", "tool", "params", "status",
    "message", "progress", "exit_code", "started_at", "ended_at", "output_length",
)  # fmt: skip


def graph(stream: str) -> dict[str, Any]:
    """The ``snapshot`` frame of a graph stream. `log.position` creates the stream if necessary.

    ``agents``: ``{agent_id, name, role, state}`` with state idle, working, done or error.
    ``executions``, oldest first: those of the active runs and of the newest run, each
    ``{run_id, agent_id, execution_id, tool, params, status, message, progress, exit_code,
    started_at, duration_s, output_length}``; ``output_length`` is the number of characters
    written up to ``seq``: a page that fetches the whole output knows which events continue it.
    Long ``params`` are cut to ``PARAMS_LIMIT``; then the execution has ``truncated`` too.
    ``calls``, ``usage``, ``handoffs``: as `runs.events.model_state` keeps them, for the same runs.
    """
    crew_id = stream.partition(":")[2]
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # Head and state are read at the same moment. SQLite's transactions do that anyway.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        position = log.position(stream)
        state = crew_state(crew_id)
    return {"type": "snapshot", "stream": stream, "seq": position.head} | state


def shown_runs(crew_id: UUID | str) -> list[UUID]:
    """Runs that the crew's graph shows: the active ones, and the newest.

    In two queries, because a database uses an index for either of them, but not for both together.
    """
    runs = Run.objects.unscoped().filter(crew=crew_id, deleted_at=None)
    newest = runs.order_by("-created_at", "-pk").values_list("pk", flat=True)[:1]
    under_way = runs.filter(status__in=Run.ACTIVE).order_by().values_list("pk", flat=True)
    return list({*newest, *under_way})


def crew_state(crew_id: UUID | str) -> dict[str, list[dict[str, Any]]]:
    """The lists of the snapshot."""
    shown = shown_runs(crew_id)
    states = states_of(shown)
    usage = usage_of(shown)
    parents = parents_in(shown)
    return {
        "agents": [
            {
                "agent_id": agent.slug,
                "name": agent.name,
                "role": agent.role,
                "state": states.get(agent.slug, "idle"),
                **({"parent_agent_id": parents[agent.slug]} if agent.slug in parents else {}),
            }
            for agent in Agent.objects.unscoped().filter(crew=crew_id).order_by("order", "slug")
        ],
        "executions": executions_of(shown),
        "calls": open_calls_of(shown),
        "usage": usage,
        "handoffs": handoffs_of(shown),
    }


def executions_of(run_ids: list[UUID]) -> list[dict[str, Any]]:
    """The newest executions of these runs, oldest first."""
    of_runs = ToolExecution.objects.unscoped().filter(task_execution__run__in=run_ids)
    newest = of_runs.order_by("-started_at")[:EXECUTIONS_KEPT]
    rows = newest.values_list(*EXECUTION, named=True)
    return [_execution(row) for row in reversed(rows)]


def parents_in(run_ids: list[UUID]) -> dict[str, str]:
    """The agents that have called others in these runs. Only reported runs have this."""
    runs = Run.objects.unscoped().filter(pk__in=run_ids, origin=Run.Origin.REPORTED)
    plans = runs.order_by("created_at").values_list("plan__agents", flat=True)
    agents = (agent for plan in plans for agent in plan)
    return {a["agent_id"]: a["parent_agent_id"] for a in agents if a.get("parent_agent_id")}


def open_calls_of(run_ids: list[UUID]) -> list[dict[str, Any]]:
    """The newest open model calls of these runs, oldest first."""
    calls = ModelCall.objects.unscoped().filter(run__in=run_ids).open()
    newest = calls.order_by("-started_at", "-id")[:CALLS_AT_MOST]
    return [
        clean(
            {
                "run_id": call.run_id,
                "agent_id": call.agent_id,
                "call_id": call.pk,
                "provider": call.provider,
                "model": call.model,
                "started_at": iso_utc(call.started_at),
                "duration_s": call.duration_s,
                **({} if call.first_token_s is None else {"first_token_s": call.first_token_s}),
            }
        )
        for call in reversed(newest)
    ]


def usage_of(run_ids: list[UUID]) -> list[dict[str, Any]]:
    """The totals of those of the runs that have called a model."""
    runs = Run.objects.unscoped().filter(pk__in=run_ids, model_calls__gt=0)
    rows = runs.order_by("created_at").values("id", *NO_USAGE)
    return [
        {
            "run_id": str(row.pop("id")),
            **row,
            "cost_usd": None if row["cost_usd"] is None else float(row["cost_usd"]),
        }
        for row in rows
    ]


def handoffs_of(run_ids: list[UUID]) -> list[dict[str, Any]]:
    """The newest handoffs of these runs, oldest first."""
    fields = ("run_id", "from_agent_id", "to_agent_id", "message")
    rows = Handoff.objects.unscoped().filter(run__in=run_ids).order_by("-id").values(*fields)
    return [row | {"run_id": str(row["run_id"])} for row in reversed(rows[:HANDOFFS_KEPT])]


def states_of(run_ids: list[UUID]) -> dict[str, str]:
    """Each agent's state from its tasks in these runs."""
    statuses: dict[str, list[tuple[str, bool]]] = {}
    tasks = TaskExecution.objects.unscoped().filter(run__in=run_ids).order_by("started_at")
    for agent_id, status in tasks.values_list("agent_id", "status"):
        statuses.setdefault(agent_id, []).append((status, False))
    return {agent_id: agent_state(own) for agent_id, own in statuses.items()}


def _execution(row: Any) -> dict[str, Any]:
    """``row`` has the columns ``EXECUTION``."""
    described = {
        "run_id": str(row.task_execution__run_id),
        "agent_id": row.task_execution__agent_id,
        "execution_id": str(row.pk),
        "tool": row.tool,
        "params": clean(row.params),
        "status": row.status,
        "message": clean(row.message),
        "progress": clean(row.progress),
        "exit_code": row.exit_code,
        "started_at": iso_utc(row.started_at),
        "duration_s": seconds_between(row.started_at, row.ended_at),
        "output_length": row.output_length,
    }
    if len(msgspec.json.encode(described["params"])) > PARAMS_LIMIT:
        described |= {"params": _cut(described["params"]), "truncated": True}
    return described


def _cut(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that fit into ``PARAMS_LIMIT``, with the beginnings of long texts."""
    kept: dict[str, Any] = {}
    left = PARAMS_LIMIT - len("{}")
    for name, value in params.items():
        one = {name: _shortened(value)}
        size = len(msgspec.json.encode(one)) - len("{}") + len(",")
        if size <= left:
            kept |= one
            left -= size
    return kept


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:PARAM_TEXT_LIMIT]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value
