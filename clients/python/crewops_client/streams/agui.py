"""Map the events of AG-UI 1.0 that an agent streams to its front end."""

import contextlib
import json
from typing import Any

from .base import OUTPUT_LIMIT, Event, Mapper, count, mapping, text

UNANSWERED = "The agent left this call to the front end."
USAGE = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "reasoningTokens": "reasoning_tokens",
    "cachedInputTokens": "cached_tokens",
}


class AgUi(Mapper):
    """Maps AG-UI events. A tool starts when its arguments are complete. `waiting` says whether the
    last response ended with an interrupt, so that another one continues the run."""

    name = "Agent"
    kinds = frozenset(
        {
            "run_started",
            "run_finished",
            "run_error",
            "step_started",
            "step_finished",
            "subagent_started",
            "subagent_finished",
            "subagent_error",
            "tool_call_start",
            "tool_call_args",
            "tool_call_end",
            "tool_call_chunk",
            "tool_call_result",
        }
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.waiting = False
        self._agents: dict[str, str] = {}  # agent_id of each open sub-agent, by its invocation
        self._steps: dict[tuple[str, str], str] = {}  # id of each open step
        self._begun = 0  # steps and usages so far, for their ids
        self._calls: dict[str, dict[str, str]] = {}  # calls whose arguments are not complete
        self._tools: set[str] = set()  # calls that have started and not ended
        self._chunked = ""  # the call that chunks belong to

    def feed(self, line: Any) -> list[Event]:
        event = mapping(line)
        kind = text(event.get("type")).lower()
        before: list[Event] = []
        own = text(event.get("toolCallId"))
        if kind != "tool_call_chunk" or own not in ("", self._chunked):
            before, self._chunked = self._complete(self._chunked), ""
        return before + super().feed({**event, "type": kind})

    def ended(self) -> tuple[str, str | None] | None:
        """Return the status and the message of the agent's own end, or None before it."""
        return self._ended

    def close(self, status: str) -> list[Event]:
        """Return the ends of all open tools, tasks and agents. The run has ended."""
        events: list[Event] = []
        for call in tuple(self._calls):
            events += self._complete(call)
        for own in sorted(self._tools):
            message = UNANSWERED if status == "succeeded" else "The run ended before the tool."
            tool = "success" if status == "succeeded" else "cancelled"
            events += self._tool_end(own, "", tool, message=message)
        self._tools.clear()
        events += [("task_end", {"task_id": id, "status": status}) for id in self._steps.values()]
        self._steps.clear()
        for own in tuple(self._agents):
            events += self._end_agent(own, status)
        return events

    def _run_started(self, line: dict[str, Any]) -> list[Event]:
        self.waiting, self._ended = False, None
        return []

    def _run_finished(self, line: dict[str, Any]) -> list[Event]:
        outcome = text(mapping(line.get("outcome")).get("type"))
        self.waiting = outcome == "interrupt"
        self._ended = ("cancelled" if outcome == "cancelled" else "succeeded", None)
        return self._tokens(line.get("usage"))

    def _run_error(self, line: dict[str, Any]) -> list[Event]:
        message = text(line.get("message"))[:500] or "The agent failed."
        cancelled = line.get("code") == "abort"
        self._ended = ("cancelled" if cancelled else "failed", message)
        error: list[Event] = [("error", {"message": message, "agent_id": self.agent})]
        return [*([] if cancelled else error), *self._tokens(line.get("usage"))]

    def _step_started(self, line: dict[str, Any]) -> list[Event]:
        key = (text(line.get("subagentRunId")), text(line.get("stepName")))
        if key in self._steps:
            return []
        self._begun += 1
        self._steps[key] = self._id(f"step-{self._begun}")
        about = {"task_id": self._steps[key], "name": key[1][:100] or "Step"}
        return [("task_start", about | {"agent_id": self.agent_of(line)})]

    def _step_finished(self, line: dict[str, Any]) -> list[Event]:
        key = (text(line.get("subagentRunId")), text(line.get("stepName")))
        task = self._steps.pop(key, None)
        return [("task_end", {"task_id": task, "status": "succeeded"})] if task else []

    def _subagent_started(self, line: dict[str, Any]) -> list[Event]:
        own = text(line.get("subagentRunId"))
        if own in self._agents:  # it was suspended
            return []
        name = text(line.get("name")) or "Sub-agent"
        parent = self._agents.get(text(line.get("parentSubagentRunId")), self.agent)
        agent = "-".join(name.lower().split())[:50]
        self._agents[own] = agent if agent != self.agent else f"{agent[:46]}-sub"
        about = {"agent_id": self._agents[own], "instance": self._id(own), "name": name[:60]}
        if role := text(line.get("description")):
            about["role"] = role[:100]
        return [("agent_start", about | {"parent_agent_id": parent})]

    def _subagent_finished(self, line: dict[str, Any]) -> list[Event]:
        if mapping(line.get("outcome")).get("type") == "suspended":
            return []
        return self._end_agent(text(line.get("subagentRunId")), "succeeded")

    def _subagent_error(self, line: dict[str, Any]) -> list[Event]:
        message = text(line.get("message"))[:500] or None
        return self._end_agent(text(line.get("subagentRunId")), "failed", message)

    def _tool_call_start(self, line: dict[str, Any]) -> list[Event]:
        own = text(line.get("toolCallId"))
        if own not in self._tools:
            name = text(line.get("toolCallName"))
            self._calls[own] = {"name": name, "arguments": "", "agent": self.agent_of(line)}
        return []

    def _tool_call_args(self, line: dict[str, Any]) -> list[Event]:
        if call := self._calls.get(text(line.get("toolCallId"))):
            call["arguments"] = (call["arguments"] + text(line.get("delta")))[:OUTPUT_LIMIT]
        return []

    def _tool_call_end(self, line: dict[str, Any]) -> list[Event]:
        return self._complete(text(line.get("toolCallId")))

    def _tool_call_chunk(self, line: dict[str, Any]) -> list[Event]:
        if own := text(line.get("toolCallId")):
            self._chunked = own
        if self._chunked not in self._calls:
            self._tool_call_start(line)
        return self._tool_call_args({**line, "toolCallId": self._chunked})

    def _tool_call_result(self, line: dict[str, Any]) -> list[Event]:
        own = text(line.get("toolCallId"))
        events = self._complete(own)
        if own not in self._tools:  # a tool of the front end, which sent the agent the result
            return events
        self._tools.discard(own)
        content = line.get("content")
        if not isinstance(content, str):
            content = json.dumps(content, ensure_ascii=False)
        return events + self._tool_end(own, content, "success")

    def _complete(self, own: str) -> list[Event]:
        """Return the start of the tool: the arguments of the call are complete."""
        call = self._calls.pop(own, None)
        if call is None:
            return []
        self._tools.add(own)
        params: Any = call["arguments"]
        with contextlib.suppress(ValueError, RecursionError):
            params = json.loads(params or "{}")
        params = params if isinstance(params, dict) else {"arguments": params}
        return [self._tool(own, call["name"], params, {"agent_id": call["agent"]})]

    def _end_agent(self, own: str, status: str, message: str | None = None) -> list[Event]:
        agent = self._agents.pop(own, None)
        if agent is None:
            return []
        fields = {"agent_id": agent, "instance": self._id(own), "status": status}
        return [("agent_end", fields | ({"message": message} if message else {}))]

    def agent_of(self, line: dict[str, Any]) -> str:
        """Return the id of the agent that the event belongs to."""
        return self._agents.get(text(line.get("subagentRunId")), self.agent)

    def _tokens(self, usages: Any) -> list[Event]:
        """Return the tokens that the last event sums, as one call of each model."""
        events: list[Event] = []
        for each in map(mapping, usages if isinstance(usages, list) else []):
            self._begun += 1
            tokens = {ours: count(each[name]) for name, ours in USAGE.items() if name in each}
            provider, model = text(each.get("provider")), text(each.get("model"))
            name = f"usage-{self._begun}"
            events += self._usage(name, provider or "unknown", model or "unknown", **tokens)
        return events
