"""Map the lines of `codex exec --json …`, version 0.171.0."""

import contextlib
import itertools
import json
from typing import Any

from .base import Event, Mapper, count, mapping, text

STATUS = {"completed": "success", "declined": "cancelled"}
# States that end a sub-agent. Its tools and tokens are not in the stream.
ENDINGS = {"completed": "succeeded", "errored": "failed", "shutdown": "cancelled"}
USAGE = (
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)


class Codex(Mapper):
    name = "Codex"
    option = "--json"
    kinds = frozenset(
        {"item.started", "item.completed", "turn.started", "turn.completed", "turn.failed", "error"}
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._turns = 0
        # The counts are of the whole thread. Codex does not report the counts before this process.
        self._counted: list[int] | None = None if "resume" in self._argv else [0] * len(USAGE)
        self._started: set[str] = set()
        self._agents: set[str] = set()
        self._last_error = ""
        self._place = {"agent_id": self.agent, "task_id": self.task}

    def _turn_started(self, line: dict[str, Any]) -> list[Event]:
        self._turns += 1
        return []

    def _turn_completed(self, line: dict[str, Any]) -> list[Event]:
        self._ended = ("succeeded", None)
        usage = mapping(line.get("usage"))
        now = [count(usage.get(name)) for name in USAGE]
        before, self._counted = self._counted, now
        if before is None or not any(now):
            return []
        new = [max(0, each - was) for each, was in zip(now, before, strict=True)]
        return self._usage(
            f"usage-{self._turns}",
            "openai",
            _model(self._argv),
            input_tokens=new[0],
            cached_tokens=new[1],
            output_tokens=new[2],
            reasoning_tokens=new[3],
        )

    def _turn_failed(self, line: dict[str, Any]) -> list[Event]:
        error = mapping(line.get("error"))
        self._ended = ("failed", _said(error) or "The turn failed.")
        return self._error(error)

    def _error(self, line: dict[str, Any]) -> list[Event]:
        """Return an error once. Codex writes it when it happens, and when it has ended the turn."""
        message = _said(line)
        if not message or message == self._last_error:
            return []
        self._last_error = message
        return [("error", {"message": message, **self._place})]

    def _item_started(self, line: dict[str, Any]) -> list[Event]:
        item = mapping(line.get("item"))
        shown = _shown(item)
        if shown is None:
            return []
        self._started.add(text(item.get("id")))
        return [self._tool(item.get("id"), *shown, self._place)]

    def _item_completed(self, line: dict[str, Any]) -> list[Event]:
        item = mapping(line.get("item"))
        kind = item.get("type")
        if kind == "collab_tool_call":
            return self._collaboration(item)
        if kind == "error":
            # Before the first turn these are notices, such as one about unknown metadata.
            return self._error(item) if self._turns else []
        if _shown(item) is None:
            return []
        events = [] if text(item.get("id")) in self._started else self._item_started(line)
        return events + self._item_ended(item)

    def _item_ended(self, item: dict[str, Any]) -> list[Event]:
        status = STATUS.get(text(item.get("status")) or "completed", "error")
        code = item.get("exit_code")
        code = code if type(code) is int else None
        message = text(mapping(item.get("error")).get("message"))[:500] or None
        if status == "error" and code is not None:
            message = message or f"Exit code {code}."
        output = text(item.get("aggregated_output"))
        if item.get("result") is not None:
            output = json.dumps(item["result"], ensure_ascii=False)
        return self._tool_end(item.get("id"), output, status, exit_code=code, message=message)

    def _collaboration(self, item: dict[str, Any]) -> list[Event]:
        """Return starts and ends of sub-agents. A thread is known when its call has ended."""
        events: list[Event] = []
        threads = item.get("receiver_thread_ids")
        if item.get("tool") == "spawn_agent" and isinstance(threads, list):
            for thread in filter(None, map(text, threads)):
                if thread not in self._agents:
                    self._agents.add(thread)
                    own = {"agent_id": "sub-agent", "instance": self._id(thread)}
                    started = {"name": "Sub-agent", "parent_agent_id": self.agent}
                    events.append(("agent_start", own | started))
        for thread, state in mapping(item.get("agents_states")).items():
            ending = ENDINGS.get(text(mapping(state).get("status")))
            if thread in self._agents and ending:
                own = {"agent_id": "sub-agent", "instance": self._id(thread)}
                events.append(("agent_end", own | {"status": ending}))
        return events


def _said(error: dict[str, Any]) -> str:
    """Return the message. It may be inside the JSON that the model's server answered."""
    message = text(error.get("message"))
    with contextlib.suppress(ValueError, RecursionError):
        answered = mapping(mapping(json.loads(message)).get("error"))
        message = text(answered.get("message")) or message
    return message[:500]


def _shown(item: dict[str, Any]) -> tuple[str, Any] | None:
    """Return the name and the parameters of an item that is a tool, else None."""
    kind = item.get("type")
    if kind == "command_execution":
        return kind, {"command": item.get("command")}
    if kind == "file_change":
        return kind, {"changes": item.get("changes")}
    if kind == "mcp_tool_call":
        return f"{item.get('server')}.{item.get('tool')}", {"arguments": item.get("arguments")}
    if kind == "web_search":
        return kind, {"query": item.get("query")}
    return None


def _model(argv: list[str]) -> str:
    """Return the model that the command line names. The stream does not name it."""
    for flag, value in itertools.pairwise(argv):
        if flag in ("-m", "--model"):
            return value
    given = [word.partition("=")[2] for word in argv if word.startswith("--model=")]
    return given[0] if given and given[0] else "unknown"
