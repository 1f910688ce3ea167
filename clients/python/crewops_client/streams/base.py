"""The base class of the mappers, and functions that they share."""

from collections.abc import Sequence
from typing import Any

from ..encoding import OUTPUT, identifier
from ..text_chunks import pieces
from ..value_snapshot import snapshot

Event = tuple[str, dict[str, Any]]
OUTPUT_LIMIT = 8 * OUTPUT  # characters of a tool's output


class Mapper:
    """Maps the lines of one process. `prefix` makes its ids unique in the run."""

    name = ""  # the name of the main agent that users see
    option = ""  # of the command, for the output that is mapped

    def __init__(self, agent: str, task: str, prefix: str, argv: Sequence[str] = ()) -> None:
        self.agent = agent
        self.task = task
        self.understood = 0  # mapped lines
        self._prefix = prefix
        self._argv = list(argv)
        self._ended: tuple[str, str | None] | None = None

    def feed(self, line: Any) -> list[Event]:
        """Return the events of a line, which may be any JSON value."""
        kind = line.get("type") if isinstance(line, dict) else None
        if not isinstance(kind, str):
            return []
        call = getattr(self, "_" + kind.replace(".", "_"), None)
        if call is None or kind not in self.kinds:
            return []
        self.understood += 1
        events: list[Event] = call(line)
        return events

    kinds: frozenset[str] = frozenset()

    def verdict(self, status: str, message: str | None) -> tuple[str, str | None]:
        """Return how the run ended: the worse of its own end and the `status` of its process."""
        if status == "cancelled" or self._ended is None or self._ended[0] == "succeeded":
            return status, message
        return self._ended[0], self._ended[1] or message

    def _id(self, own: Any) -> str:
        return identifier(f"{self._prefix}{own}")

    def _tool(self, own: Any, name: Any, params: Any, place: dict[str, Any]) -> Event:
        fields = {"execution_id": self._id(own), "tool": str(name or "unknown")[:40], **place}
        return ("tool_start", fields | {"params": snapshot(params)} if params else fields)

    def _tool_end(self, own: Any, output: str, status: str, **fields: Any) -> list[Event]:
        execution = {"execution_id": self._id(own)}
        given = {key: value for key, value in fields.items() if value is not None}
        output = output if len(output) <= OUTPUT_LIMIT else output[:OUTPUT_LIMIT] + "…"
        events: list[Event] = [
            ("tool_progress", {**execution, "output": piece}) for piece in pieces(output)
        ]
        return [*events, ("tool_end", {**execution, "status": status, **given})]

    def _usage(self, own: str, provider: str, model: str, **usage: Any) -> list[Event]:
        """Return the tokens of all model calls since the last time, as one call."""
        call = {"call_id": self._id(own)}
        place = {"agent_id": self.agent, "task_id": self.task}
        return [
            ("llm_start", {**call, "provider": provider, "model": model, **place}),
            ("llm_end", {**call, "status": "success", **usage}),
        ]


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= 2**53 else 0
