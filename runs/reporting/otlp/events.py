"""Spans as events of docs/reporting.md. Functions without a database.

The ids of events follow from the span, so that a span that comes twice is reported once.
"""

import hashlib
import re
from typing import Any

from django.utils.text import slugify

from crews.text import storable
from runs.reporting.otlp import attribute_names as names
from runs.reporting.otlp import dialects, messages
from runs.reporting.otlp.dialects import Ending, Kind
from runs.reporting.otlp.span_tree import Node
from runs.reporting.otlp.spans import Span
from runs.reporting.sources.values import bounded

Event = dict[str, Any]
ORIGIN = "otlp"
TOOL_STATUS = {
    "": "success", "succeeded": "success", "failed": "error",
    "cancelled": "cancelled", "waiting": "cancelled",
}  # fmt: skip
CALL_STATUS = {**TOOL_STATUS}
WAITING = "Waits for an answer, such as an approval."
TRANSFER = "transfer_to_agent"  # ADK's tool for a hand-off


def crew_of(span: Span) -> str:
    """The slug of the crew: the resource's ``crewops.crew``, else its ``service.name``."""
    name = str(next(filter(None, map(span.resource.get, names.CREW)), "opentelemetry"))
    if re.fullmatch(r"[A-Za-z0-9_-]{1,50}", name):
        return name
    slug = slugify(name)[:50].strip("-")
    return slug or f"crew-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def node_of(span: Span, kind: Kind) -> Node:
    """Return the data kept of the span, with texts that can be stored."""
    ending = dialects.ending_of(span)
    agent = storable(dialects.agent_of(span, kind))
    name = {"workflow": dialects.workflow_of, "tool": dialects.tool_of, "mcp": dialects.tool_of}
    return Node(
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=kind,
        name=agent if kind == "agent" else storable(name[kind](span)[:200]) if kind in name else "",
        agent=agent,
        start=span.start,
        end=span.end,
        status=ending.status,
        message=storable(ending.message),
        is_remote=span.parent_is_remote,
        has_usage=kind == "model" and dialects.input_tokens_of(span) is not None,
    )


def boot(run: str, *, crew: str, name: str, at: float) -> Event:
    return {
        "type": "boot", "id": "boot", "run": run, "crew": crew, "name": name, "origin": ORIGIN,
        "controls": [], "at": at,
    }  # fmt: skip


def agent_begun(run: str, agent: str, at: float) -> list[Event]:
    """An agent of the run is known: it and its one task. The same ids for each span of it."""
    key = _key(agent)
    return [
        {"type": "agent_start", "id": f"agent:{key}", "run": run, "agent_id": agent[:200],
         "name": agent, "at": at},
        {"type": "task_start", "id": f"task:{key}", "run": run, "task_id": task_of(agent),
         "agent_id": agent[:200], "name": agent, "at": at},
    ]  # fmt: skip


def call(
    run: str, trace_id: str, span: Span, node: Node, *, with_text: bool = False
) -> list[Event]:
    """The start and the end of a tool or model call, without its agent.

    ``node``: what `node_of` returns for the span. ``with_text``: with the text of a model call, if
    the span has it.
    """
    id = f"{trace_id}:{span.span_id}"
    begun = {"id": f"{id}:start", "run": run, "at": span.start}
    ended = {"id": f"{id}:end", "run": run, "at": span.end, "message": _text(node) or None}
    if node.kind == "model":
        ended |= {"status": CALL_STATUS[node.status], **dialects.usage_of(span)}
        if with_text:
            begun["input"] = messages.text_in(span, names.INPUT)
            ended["output"] = messages.text_in(span, names.OUTPUT)
        return [
            {"type": "llm_start", "call_id": id, **dialects.call_of(span), **begun},
            {"type": "llm_end", "call_id": id, **ended},
        ]
    ended |= {"status": TOOL_STATUS[node.status], "output": dialects.output_of(span)}
    params = bounded(dialects.params_of(span))
    return [
        {"type": "tool_start", "execution_id": id, "tool": node.name, "params": params, **begun},
        {"type": "tool_end", "execution_id": id, **ended},
    ]


def handed_off(call: list[Event], agent: str) -> list[Event]:
    """The hand-off that a call of ADK's tool is, if the call succeeded."""
    started, ended = call
    params = started.get("params")
    target = params.get("agent_name") if isinstance(params, dict) else None
    is_one = started.get("tool") == TRANSFER and ended["status"] == "success"
    if not (is_one and agent and isinstance(target, str) and target):
        return []
    id = f"{started['execution_id']}:handoff"
    return [handoff(started["run"], id, agent, target, ended["at"])]


def handoff(run: str, id: str, from_agent: str, to_agent: str, at: float) -> Event:
    return {
        "type": "handoff", "id": id, "run": run, "at": at,
        "from_agent_id": from_agent[:200], "to_agent_id": to_agent[:200],
    }  # fmt: skip


def placed(call: list[Event], agent: str) -> list[Event]:
    """The events of a call, with the agent that made it. Without one the run itself made it.

    The agent must have begun: see `agent_begun`.
    """
    if not agent:
        return call
    started, *rest = call
    return [{**started, "agent_id": agent[:200], "task_id": task_of(agent)}, *rest]


def agent_called(run: str, trace_id: str, node: Node, parent: str) -> list[Event]:
    """The agent ``parent`` called the agent of the span ``node``: an edge of the graph."""
    if not parent or parent == node.name:
        return []
    id = f"{trace_id}:{node.span_id}:called"
    called = handoff(run, id, parent, node.name, node.start)
    return [*agent_begun(run, parent, node.start), called]


def agent_ended(run: str, trace_id: str, node: Node, ending: Ending) -> list[Event]:
    """A period of work of an agent: one span."""
    id = f"{trace_id}:{node.span_id}"
    about = {"run": run, "agent_id": node.name[:200]}
    status = "cancelled" if ending.status == "waiting" else ending.status
    return [
        *agent_begun(run, node.name, node.start),
        {"type": "agent_start", "id": f"{id}:start", "at": node.start, **about},
        {"type": "agent_end", "id": f"{id}:end", "at": node.end, "status": status,
         "message": _text(ending), **about},
    ]  # fmt: skip


def run_ended(
    run: str, agents: dict[str, tuple[Ending, float]], ending: Ending, at: float
) -> list[Event]:
    """The ends of all agents' tasks, of agents that no span ended, and of the run."""
    events: list[Event] = []
    for agent, (of_agent, ended_at) in agents.items():
        key = _key(agent)
        status = "cancelled" if of_agent.status == "waiting" else of_agent.status
        about = {"run": run, "at": ended_at, "status": status, "message": of_agent.message}
        events += [
            {"type": "task_end", "id": f"task:{key}:end", "task_id": task_of(agent), **about},
            {"type": "agent_end", "id": f"agent:{key}:end", "agent_id": agent[:200], **about},
        ]
    done = {"type": "done", "id": "done", "run": run, "at": at, "message": _text(ending)}
    if ending.status == "waiting":
        return [*events, {**done, "status": "cancelled", "reason": "not_resumed"}]
    return [*events, {**done, "status": ending.status}]


def task_of(agent: str) -> str:
    return f"agent:{_key(agent)}"


def _key(agent: str) -> str:
    return agent if len(agent) <= 150 else hashlib.sha256(agent.encode()).hexdigest()


def _text(ending: Ending | Node) -> str:
    return ending.message or (WAITING if ending.status == "waiting" else "")
