"""The kinds of events a reporter sends, with their fields: `docs/reporting.md`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

INTEGER_LIMIT = 2**31 - 1  # the limit of a database column

Key = Annotated[str, Meta(min_length=1, max_length=200)]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,40}$")]
Seconds = Annotated[float, Meta(ge=0, le=10**9)]
Tokens = Annotated[int, Meta(ge=0, le=2**53)]
Cost = Annotated[float, Meta(ge=0, le=10**9)]
ExitCode = Annotated[int, Meta(ge=-INTEGER_LIMIT, le=INTEGER_LIMIT)]
Ending = Literal["succeeded", "failed", "cancelled"]
ToolEnding = Literal["success", "error", "completed_with_errors", "cancelled"]
CallEnding = Literal["success", "error", "cancelled"]


class InvalidEvent(Exception):
    """The event is rejected: ``code`` is for programs, ``detail`` is a sentence for users."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ReportedEvent(Struct, kw_only=True, tag_field="type"):
    """An event. ``at`` is in seconds since 1970; ``None`` stands for the time of receipt."""

    run: Key
    id: Key | None = None
    at: float | str | None = None

    @property
    def type(self) -> str:
        return self.__struct_config__.tag


class Boot(ReportedEvent, kw_only=True, tag="boot"):
    crew: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,50}$")]
    name: str = ""
    origin: Annotated[str, Meta(pattern=r"^[a-z0-9_.-]{1,40}$")] = "api"
    # The controls that the program takes. ``None``: it reads ``stop`` in the answers.
    controls: list[Literal["cancel", "pause", "message"]] | None = None


class AgentStart(ReportedEvent, kw_only=True, tag="agent_start"):
    agent_id: Key
    name: str = ""
    role: str = ""
    parent_agent_id: Key | None = None
    instance: Key | None = None


class AgentEnd(ReportedEvent, kw_only=True, tag="agent_end"):
    agent_id: Key
    status: Ending
    instance: Key | None = None
    message: str = ""


class TaskStart(ReportedEvent, kw_only=True, tag="task_start"):
    task_id: Key
    agent_id: Key | None = None
    name: str = ""
    parent_task_id: Key | None = None


class TaskEnd(ReportedEvent, kw_only=True, tag="task_end"):
    task_id: Key
    status: Ending
    duration_s: Seconds | None = None
    message: str = ""


class ToolStart(ReportedEvent, kw_only=True, tag="tool_start"):
    execution_id: Key
    tool: Annotated[str, Meta(min_length=1)]
    agent_id: Key | None = None
    task_id: Key | None = None
    params: Any = None


class ToolProgress(ReportedEvent, kw_only=True, tag="tool_progress"):
    execution_id: Key
    message: str | None = None
    progress: float | None = None
    output: str = ""


class ToolEnd(ReportedEvent, kw_only=True, tag="tool_end"):
    execution_id: Key
    status: ToolEnding
    exit_code: ExitCode | None = None
    duration_s: Seconds | None = None
    message: str | None = None
    output: str = ""


class LlmStart(ReportedEvent, kw_only=True, tag="llm_start"):
    call_id: Key
    provider: str
    model: str
    agent_id: Key | None = None
    task_id: Key | None = None
    input: str | None = None


class LlmProgress(ReportedEvent, kw_only=True, tag="llm_progress"):
    call_id: Key
    input: str | None = None
    output: str | None = None


class LlmEnd(ReportedEvent, kw_only=True, tag="llm_end"):
    call_id: Key
    status: CallEnding
    duration_s: Seconds | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None  # only for the cost
    reasoning_tokens: Tokens | None = None
    cost_usd: Cost | None = None
    finish_reason: str | None = None
    first_token_s: Seconds | None = None
    model: str | None = None
    message: str | None = None
    output: str | None = None


class Handoff(ReportedEvent, kw_only=True, tag="handoff"):
    from_agent_id: Key
    to_agent_id: Key
    message: str | None = None


class Error(ReportedEvent, kw_only=True, tag="error"):
    message: Annotated[str, Meta(min_length=1)]
    reason: Word = "reported"
    agent_id: Key | None = None
    task_id: Key | None = None


class ControlAcknowledged(ReportedEvent, kw_only=True, tag="control_acknowledged"):
    """The program has received the control."""

    control_id: Key


class ControlApplied(ReportedEvent, kw_only=True, tag="control_applied"):
    """The program has done what the control asks, or refuses it."""

    control_id: Key
    status: Literal["applied", "refused"]
    detail: str = ""


class Done(ReportedEvent, kw_only=True, tag="done"):
    status: Ending
    reason: Word | Literal[""] = ""
    message: str = ""


class Beat(ReportedEvent, kw_only=True, tag="beat"):
    """The reporter is alive."""


KINDS: dict[str, type[ReportedEvent]] = {
    kind.__struct_config__.tag: kind for kind in ReportedEvent.__subclasses__()
}
# What arrives after the end of the run, and then changes nothing.
ENDS = (AgentEnd, TaskEnd, ToolEnd, LlmEnd, ControlAcknowledged, ControlApplied)


def ends(start: ReportedEvent, end: ReportedEvent) -> bool:
    """Whether ``end`` ends the call that ``start`` begins, and reports nothing but its end."""
    if isinstance(start, ToolStart):
        its = isinstance(end, ToolEnd) and end.execution_id == start.execution_id
        return its and not end.output
    if isinstance(start, LlmStart):
        its = isinstance(end, LlmEnd) and end.call_id == start.call_id
        return its and not end.output and end.model in (None, "", start.model)
    return False
