"""The payload of a hook: the fields that are read, and their types."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from crews.text import storable
from runs.reporting.event_parsing import described
from runs.reporting.reported_kinds import InvalidEvent, Key

MAIN = "claude-code"  # the id of the agent that a person talks to
_TOOL = ("tool_name", "tool_use_id")
NEEDED: dict[str, tuple[str, ...]] = {
    "PreToolUse": _TOOL,
    "PostToolUse": _TOOL,
    "PostToolUseFailure": _TOOL,
    "SubagentStart": ("agent_id",),
    "SubagentStop": ("agent_id",),
}


class Call(Struct):
    """A call of a tool as PostToolBatch lists it."""

    tool_name: str = ""
    tool_use_id: Key | None = None
    tool_input: Any = None
    tool_response: Any = None


class Hook(Struct):
    """The fields that are read. A new version of Claude Code may send others."""

    session_id: Key
    hook_event_name: Annotated[str, Meta(min_length=1)]
    cwd: str = ""
    prompt_id: Key | None = None
    agent_id: Key | None = None
    agent_type: str = ""
    prompt: str = ""
    tool_name: str = ""
    tool_use_id: Key | None = None
    tool_input: Any = None
    tool_response: Any = None
    tool_calls: list[Call] = []
    error: Any = None
    is_interrupt: bool = False
    duration_ms: Annotated[float, Meta(ge=0, le=10**12)] | None = None
    background_tasks: list[Any] = []
    last_assistant_message: Any = None

    @property
    def session(self) -> str:
        return short(self.session_id)

    @property
    def turn(self) -> str:
        return short(self.prompt_id or "session")

    @property
    def opens(self) -> bool:
        """Whether work begins with it, so that it may open a run."""
        return self.hook_event_name in ("UserPromptSubmit", "PreToolUse", "SubagentStart")

    @property
    def is_notification(self) -> bool:
        """Whether Claude Code itself wrote the prompt, because a background task has ended."""
        return self.prompt.lstrip().startswith("<task-notification>")

    @property
    def is_persons(self) -> bool:
        return self.hook_event_name == "UserPromptSubmit" and not self.is_notification

    @property
    def place(self) -> dict[str, str]:
        if self.agent_id is None:
            return {"agent_id": MAIN, "task_id": self.turn}
        return {"agent_id": self.agent_type or "sub-agent", "task_id": short(self.agent_id)}


def hook_of(raw: Any) -> Hook:
    """Convert a payload. Raises ``InvalidEvent``."""
    if not isinstance(raw, dict):
        raise InvalidEvent("malformed", "This is no JSON object.")
    given = {
        name: storable(value) if isinstance(value, str) else value
        for name, value in raw.items()
        if value is not None
    }
    try:
        hook = msgspec.convert(given, Hook)
    except msgspec.ValidationError as error:
        raise InvalidEvent("invalid", described(str(error), Hook)) from error
    needed = NEEDED.get(hook.hook_event_name, ())
    if missing := [name for name in needed if not getattr(hook, name)]:
        raise InvalidEvent("invalid", f"{missing[0]}: is missing.")
    return hook


def short(id: str | None) -> str:
    """Return the id, or its hash if it is long: several of them have to fit into one key."""
    id = id or ""
    return id if len(id) <= 60 else hashlib.blake2b(id.encode(), digest_size=16).hexdigest()
