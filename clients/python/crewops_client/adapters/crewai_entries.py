"""The events that the adapter of CrewAI listens to, and the entry that it stores for an event."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..controls import CANCELLED
from ..notices import Notices
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

EVENTS = (
    *("CrewKickoffStartedEvent", "CrewKickoffCompletedEvent", "CrewKickoffFailedEvent"),
    *("TaskStartedEvent", "TaskCompletedEvent", "TaskFailedEvent"),
    *("AgentExecutionStartedEvent", "AgentExecutionCompletedEvent", "AgentExecutionErrorEvent"),
    *("LiteAgentExecutionStartedEvent", "LiteAgentExecutionCompletedEvent"),
    *("LiteAgentExecutionErrorEvent", "ToolUsageStartedEvent", "ToolUsageFinishedEvent"),
    *("ToolUsageErrorEvent", "LLMCallStartedEvent", "LLMCallCompletedEvent"),
    *("LLMCallFailedEvent", "LLMStreamChunkEvent", "FlowStartedEvent", "FlowFinishedEvent"),
    *("FlowFailedEvent", "MethodExecutionStartedEvent", "MethodExecutionFinishedEvent"),
    "MethodExecutionFailedEvent",
)

UNFINISHED_KEPT = 1_000  # entries that are kept after the end of their roots

_notices = Notices()
_starting = threading.Lock()

OUTPUT = ("completion_tokens", "candidates_token_count", "output_tokens", "outputTokens")
# The names of Claude and Bedrock. Their count of the input leaves these tokens out.
RAW_READ = ("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount")
RAW_WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")


def kinds_of(*modules: Any) -> list[Any]:
    """Return the classes of EVENTS, each from the first of the modules that has it.

    Versions of CrewAI differ in the module. A name that no module has is logged once.
    """
    kinds = []
    for name in EVENTS:
        kind = next((found for each in modules if (found := getattr(each, name, None))), None)
        if kind is not None:
            kinds.append(kind)
        else:
            _notices.log_once(name, f"this version of CrewAI has no {name}: a part is not shown")
    return kinds


@dataclass(eq=False)
class Entry:
    """The objects that belong to an event of CrewAI that begins something."""

    scope: Scope  # the parent of its children
    begun: Run | Agent | Task | Tool | None = None
    own: Run | None = None  # the run that was made for the event, and ends with it
    task: "Entry | None" = None
    agent: Agent | None = None  # of a task: it stays open while CrewAI retries
    held: Callable[[], Tool] | None = None  # begins a call that may still wait
    above: "Entry | None" = None
    ended: bool = False

    @property
    def root(self) -> "Entry":
        return self if self.above is None else self.above.root

    @property
    def goes_on(self) -> bool:
        """Whether it belongs to a task that has not ended, which may run in another thread."""
        return self.task is not None and not self.task.ended

    def is_in(self, other: "Entry") -> bool:
        """Return whether it is the other one, or below it."""
        return self is other or (self.above is not None and self.above.is_in(other))

    def is_a(self, *kinds: type) -> bool:
        """Return whether one of these has begun with it. With a crew or flow nothing else has."""
        if self.begun is None:
            return Run in kinds and self.held is None
        return isinstance(self.begun, kinds)

    def cancel(self) -> None:
        """End what is open of it, except its run."""
        self.ended, self.held = True, None
        if self.agent is not None:
            self.agent.end("cancelled")
        if isinstance(self.begun, Agent | Task | Tool):
            self.begun.end("cancelled")

    def end_run(self, status: str = "succeeded", message: str | None = None) -> None:
        """End the run that was made for the event, if there is one."""
        if self.own is not None:
            self.own.end(status, message=message)

    def start_tool(self) -> None:
        """Begin the call that has not begun yet, if there is one."""
        with _starting:  # the bus and the hooks have threads of their own
            if self.held is not None:
                held, self.held = self.held, None
                self.begun = self.scope = held()


class Entries(dict[str, Entry]):
    """The entries, by the ids of their events."""

    def pop_ended(self, event: Any, *kinds: type) -> Entry | None:
        """Remove and return the entry that the event ends, or None."""
        entry = self.get(event.started_event_id or "")
        named = entry or self.get(event.parent_event_id or "")
        if named is not None and was_cancelled(event, named.scope.run):
            return self._cancelled(named, *kinds)
        # CrewAI's pairing of start and end can be off by one, so the kind must match.
        if entry is None or not (entry.begun is None or isinstance(entry.begun, kinds)):
            return None
        entry.ended = True
        del self[event.started_event_id]
        if entry.root.ended:
            self._delete_below(entry.root)
        return entry

    def _cancelled(self, entry: Entry | None, *kinds: type) -> Entry | None:
        """Return the entry that the event ends, which reports a failure after a cancel.

        CrewAI does not report the end of an agent that a hook has stopped, so the event names an
        entry below the one that it ends. What is open in between ends here.
        """
        while entry is not None and (entry.ended or not entry.is_a(*kinds)):
            entry = entry.above
        if entry is not None:
            entry.ended = True
            self._end_below(entry)
            if entry.root.ended:  # until then, later events may name any of them
                self._delete_below(entry.root, entry)
        return entry

    def _delete_below(self, root: Entry, ended: Entry | None = None) -> None:
        """Delete the root, which has ended, all below it, and the entry that has ended now.

        Keep a task that runs in another thread until its own end, which CrewAI may not report.
        """
        for id, each in list(self.items()):
            if each is ended or (each.is_in(root) and not each.goes_on):
                del self[id]
        going_on = [id for id, each in self.items() if each.root.ended]
        for id in going_on[:-UNFINISHED_KEPT]:
            del self[id]

    def _end_below(self, entry: Entry) -> None:
        """End what is open below it, children before their parents."""
        for each in reversed(list(self.values())):
            if each is not entry and not each.ended and each.is_in(entry):
                goes_on = each.goes_on
                each.cancel()
                each.ended = not goes_on


def usage_of(usage: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the tokens of a model call, as `LLM.usage` takes them.

    CrewAI gives the names of the provider, and for some providers names of its own as well.
    """
    tokens = _first(usage, "prompt_tokens", "prompt_token_count")
    if tokens is None:
        tokens = _first(usage, "input_tokens", "inputTokens")
        if tokens is not None:
            tokens += (_first(usage, *RAW_READ) or 0) + (_first(usage, *RAW_WRITTEN) or 0)
    cached = ("cached_prompt_tokens", "cached_tokens", "cached_content_token_count", *RAW_READ)
    return {
        "input": tokens,
        "output": _first(usage, *OUTPUT),
        "cached": _first(usage, *cached),
        "cache_write": _first(usage, "cache_creation_tokens", *RAW_WRITTEN),
        "reasoning": usage.get("reasoning_tokens"),
    }


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these counts that is not 0, else 0 if there is one."""
    found = [usage[name] for name in names if isinstance(usage.get(name), int)]
    return next(filter(None, found), found[0] if found else None)


def role_of(agent: Any) -> str | None:
    role = getattr(agent, "role", None)
    return str(role).strip() if role else None


def was_cancelled(event: Any, run: Run) -> bool:
    """Return whether the event reports a failure because a user has cancelled the run."""
    return run.stop_requested and CANCELLED in str(getattr(event, "error", None))


def outcome_of(event: Any, run: Run) -> tuple[str, str | None]:
    """Return the status and the message of what has ended with this event, in this run."""
    if not event.type.endswith(("_failed", "_error")):
        return "succeeded", None
    return "cancelled" if was_cancelled(event, run) else "failed", str(event.error)[:500]
