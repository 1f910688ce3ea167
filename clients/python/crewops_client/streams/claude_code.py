"""Map the lines of `claude -p … --output-format stream-json --verbose`, version 2.1.332."""

import re
from typing import Any

from .base import Event, Mapper, count, mapping, text

EXIT_CODE = re.compile(r"Exit code (\d{1,9})\b\n?")
SUBAGENT_TOOLS = ("Agent", "Task")  # tools that only ask for a sub-agent
ENDINGS = {"completed": "succeeded", "failed": "failed"}
USAGE = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")


class ClaudeCode(Mapper):
    name = "Claude Code"
    option = "--output-format stream-json --verbose"
    kinds = frozenset({"assistant", "user", "system", "result"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._subagent_inputs: dict[str, dict[str, Any]] = {}  # of SUBAGENT_TOOLS, by call id
        self._agents: dict[str, dict[str, str]] = {}  # places of sub-agents, by the call's id
        self._denied: set[str] = set()
        self._counted: dict[str, list[float]] = {}  # tokens and cost so far, by model
        self._results = 0

    def _assistant(self, line: dict[str, Any]) -> list[Event]:
        place, events = self._place(line)
        for block in _blocks(line, "tool_use"):
            own, params = text(block.get("id")), mapping(block.get("input"))
            if block.get("name") in SUBAGENT_TOOLS:
                self._subagent_inputs[own] = params
            else:
                events.append(self._tool(own, block.get("name"), params, place))
        return events

    def _user(self, line: dict[str, Any]) -> list[Event]:
        _, events = self._place(line)
        metas = line.get("tool_result_meta")
        meta = {m.get("id"): m for m in map(mapping, metas if isinstance(metas, list) else [])}
        for block in _blocks(line, "tool_result"):
            own = text(block.get("tool_use_id"))
            result = line.get("tool_use_result")
            if own in self._subagent_inputs:
                events += self._subagent_answered(own, block, mapping(result))
            else:
                events += self._answered(own, block, mapping(result), meta.get(own, {}))
        return events

    def _answered(
        self, own: str, block: dict[str, Any], result: dict[str, Any], meta: dict[str, Any]
    ) -> list[Event]:
        said = _said(block.get("content"))
        decision = mapping(meta.get("permission_decision")).get("decision")
        # A call that is interrupted while it runs is marked as rejected, too.
        refused = own in self._denied or "non_execution_kind" in meta or decision == "reject"
        if refused or result.get("interrupted") is True:
            return self._tool_end(own, "", "cancelled", message=said[:500] or None)
        if block.get("is_error") is not True:
            out, err = text(result.get("stdout")), text(result.get("stderr"))
            is_command = "stdout" in result
            output = "\n".join(filter(None, (out, err))) if is_command else said
            return self._tool_end(own, output, "success", exit_code=0 if is_command else None)
        found = EXIT_CODE.match(said)
        if found is None:
            message = re.sub(r"</?tool_use_error>", "", said)[:500]
            return self._tool_end(own, "", "error", message=message or None)
        code = int(found[1])
        return self._tool_end(
            own, said[found.end() :], "error", exit_code=code, message=f"Exit code {code}."
        )

    def _subagent_answered(
        self, own: str, block: dict[str, Any], result: dict[str, Any]
    ) -> list[Event]:
        """Return the end of a sub-agent, or an error. One in the background continues to work."""
        if own in self._agents:
            failed = block.get("is_error") is True
            in_background = result.get("isAsync") is True
            return (
                [] if in_background else self._end_agent(own, "failed" if failed else "succeeded")
            )
        if block.get("is_error") is not True:
            return []
        message = _said(block.get("content"))[:500] or "The sub-agent was not started."
        return [("error", {"message": message, "agent_id": self.agent, "task_id": self.task})]

    def _system(self, line: dict[str, Any]) -> list[Event]:
        kind, own = line.get("subtype"), text(line.get("tool_use_id"))
        if kind == "permission_denied":
            self._denied.add(own)
        elif kind == "task_started" and line.get("task_type") == "local_agent":
            return self._start_agent(own, line)
        elif kind == "task_notification" and own in self._agents:
            return self._end_agent(own, ENDINGS.get(text(line.get("status")), "cancelled"))
        return []

    def _place(self, line: dict[str, Any]) -> tuple[dict[str, str], list[Event]]:
        """Return the place of a line, and the start of its sub-agent if that was not announced."""
        parent = text(line.get("parent_tool_use_id"))
        if not parent:
            return {"agent_id": self.agent, "task_id": self.task}, []
        events = [] if parent in self._agents else self._start_agent(parent, line)
        return self._agents[parent], events

    def _start_agent(self, own: str, line: dict[str, Any]) -> list[Event]:
        if own in self._agents:
            return []
        params = self._subagent_inputs.get(own, {})
        name = text(line.get("subagent_type")) or text(params.get("subagent_type")) or "sub-agent"
        what = text(line.get("description")) or text(line.get("task_description"))
        place = {"agent_id": name[:200], "task_id": self._id(own)}
        self._agents[own] = place
        agent = {"agent_id": place["agent_id"], "instance": place["task_id"], "name": name}
        return [
            ("agent_start", {**agent, "parent_agent_id": self.agent}),
            ("task_start", {**place, "name": what or text(params.get("description")) or name}),
        ]

    def _end_agent(self, own: str, status: str) -> list[Event]:
        place = self._agents[own]
        agent = {"agent_id": place["agent_id"], "instance": place["task_id"]}
        return [
            ("task_end", {"task_id": place["task_id"], "status": status}),
            ("agent_end", {**agent, "status": status}),
        ]

    def _result(self, line: dict[str, Any]) -> list[Event]:
        """Handle the end of a turn. Its counts are of the whole session, sub-agents included."""
        events: list[Event] = []
        for model, usage in mapping(line.get("modelUsage")).items():
            events += self._model_usage(str(model), mapping(usage))
        self._results += 1
        if line.get("is_error") is not True:  # `subtype` is "success" for failures, too
            self._ended = ("succeeded", None)
            return events
        reason = text(line.get("terminal_reason"))
        message = text(line.get("result")) or f"Claude Code ended: {reason or line.get('subtype')}."
        self._ended = ("cancelled" if reason.startswith("aborted") else "failed", message[:500])
        if self._ended[0] == "failed":
            place = {"agent_id": self.agent, "task_id": self.task}
            events.append(("error", {"message": message[:500], **place}))
        return events

    def _model_usage(self, model: str, usage: dict[str, Any]) -> list[Event]:
        cost = usage.get("costUSD")
        cost = float(cost) if isinstance(cost, int | float) and cost >= 0 else 0.0
        now: list[float] = [*(count(usage.get(name)) for name in USAGE), cost]
        before = self._counted.get(model, [0] * len(now))
        self._counted[model] = now
        new = [max(0, each - was) for each, was in zip(now, before, strict=True)]
        if not any(new):
            return []
        fresh, read, written, output = (int(each) for each in new[:4])
        written_tokens = {"cache_write_tokens": written} if written else {}
        return self._usage(
            f"usage-{self._results}-{model}",
            "anthropic",
            model,
            input_tokens=fresh + read + written,
            cached_tokens=read,
            **written_tokens,
            output_tokens=output,
            cost_usd=round(new[4], 9),
        )


def _blocks(line: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    content = mapping(line.get("message")).get("content")
    found = map(mapping, content if isinstance(content, list) else [])
    return [block for block in found if block.get("type") == kind]


def _said(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(filter(None, (text(mapping(each).get("text")) for each in content)))
    return text(content)
