"""Every kind of event, with its stream and its fields: the source of all that describes them.

`runs.events.encoding` writes nothing else. The JSON Schema, ``docs/asyncapi.yaml``, the types of
the browser client and the tables of ``docs/protocol.md`` are made from here (``make event-docs``).
How to add a kind: ``docs/adding-an-event.md``.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, UnsetType

from runs.events import fields
from runs.events.event import Event, RunEvent


class Boot(RunEvent, frozen=True, kw_only=True, tag="boot"):
    """The run was asked for: the first event of its stream. Lists the tasks it will carry out."""

    crew: str
    agents: list[fields.BootAgent]
    tasks: list[fields.BootTask]


class AgentStart(RunEvent, frozen=True, kw_only=True, tag="agent_start"):
    """The agent's first task in this run starts. The optional fields are those of reported runs."""

    agent_id: str
    name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    parent_agent_id: str | UnsetType = UNSET


class TaskStart(RunEvent, frozen=True, kw_only=True, tag="task_start"):
    """The task starts."""

    task_id: str
    agent_id: str
    name: str


class TaskEnd(RunEvent, frozen=True, kw_only=True, tag="task_end"):
    """The task has ended."""

    task_id: str
    agent_id: str
    status: fields.Outcome
    duration_s: fields.Seconds


class AgentEnd(RunEvent, frozen=True, kw_only=True, tag="agent_end"):
    """The agent has no task left in this run. ``status`` is the worst of its tasks'."""

    agent_id: str
    status: fields.Outcome


class Error(RunEvent, frozen=True, kw_only=True, tag="error"):
    """Something failed. An error ends nothing by itself: ``task_end`` or ``done`` follows."""

    message: str
    reason: str
    agent_id: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET


class ControlRequested(RunEvent, frozen=True, kw_only=True, tag="control_requested"):
    """A person, a program or a rule asks something of the run. ``text``: of a message."""

    control_id: str
    action: fields.ControlAction
    by: str
    text: str | UnsetType = UNSET


class ControlAcknowledged(RunEvent, frozen=True, kw_only=True, tag="control_acknowledged"):
    """The process that carries out the run has received the control."""

    control_id: str


class ControlApplied(RunEvent, frozen=True, kw_only=True, tag="control_applied"):
    """The control is answered, once. ``detail`` says why it was refused or too late."""

    control_id: str
    status: fields.ControlOutcome
    detail: str


class ApprovalRequested(RunEvent, frozen=True, kw_only=True, tag="approval_requested"):
    """A tool call waits until a person approves it. Secrets are taken out of ``params``.

    ``seen`` is the digest of the call, which a decision has to name. Nobody may decide after
    ``expires_at``. With ``admins_only`` operators may not decide.
    """

    approval_id: str
    agent_id: str
    tool: str
    params: dict[str, Any]
    expires_at: str
    seen: str
    admins_only: bool
    task_id: str | UnsetType = UNSET


class ApprovalDecided(RunEvent, frozen=True, kw_only=True, tag="approval_decided"):
    """The call may begin only if ``decision`` is approved. ``by`` is empty if it expired."""

    approval_id: str
    decision: fields.Decision
    by: str
    note: str


class BudgetEvent(RunEvent, frozen=True, kw_only=True):
    alert_id: str
    period: fields.BudgetPeriod
    measure: fields.BudgetMeasure
    limit: float
    used: float
    since: str | UnsetType = UNSET


class BudgetWarning(BudgetEvent, frozen=True, kw_only=True, tag="budget_warning"):
    """80 % of a budget of the run is used, or of a day of its crew that began at ``since``."""


class BudgetExceeded(BudgetEvent, frozen=True, kw_only=True, tag="budget_exceeded"):
    """More than a budget is used. Then ``control_requested`` asks the run for ``action``."""

    action: fields.BudgetAction


class Done(RunEvent, frozen=True, kw_only=True, tag="done"):
    """The run has ended: the last event of its stream."""

    status: fields.Outcome
    duration_s: fields.Seconds
    reason: str | UnsetType = UNSET


class ToolEvent(Event, frozen=True, kw_only=True):
    """An event of one tool call, on the graph stream of its crew."""

    stream = "graph"
    run_id: str
    agent_id: str
    execution_id: str
    tool: str


class ToolStart(ToolEvent, frozen=True, kw_only=True, tag="tool_start"):
    """The tool starts. Secrets are taken out of ``params``."""

    params: dict[str, Any]


class ToolProgress(ToolEvent, frozen=True, kw_only=True, tag="tool_progress"):
    """A report of a tool. ``output``: what it wrote since the last report."""

    message: str
    progress: fields.Share | UnsetType = UNSET
    output: str | UnsetType = UNSET


class ToolEnd(ToolEvent, frozen=True, kw_only=True, tag="tool_end"):
    """The tool has ended. ``exit_code`` is null where it is no process."""

    duration_s: fields.Seconds
    exit_code: int | None
    status: fields.ToolOutcome
    message: str | UnsetType = UNSET


class ModelEvent(Event, frozen=True, kw_only=True):
    """An event of one model call, on the graph stream of its crew."""

    stream = "graph"
    run_id: str
    agent_id: str
    call_id: str


class LlmStart(ModelEvent, frozen=True, kw_only=True, tag="llm_start"):
    """A model is called. The agent thinks until the call ends."""

    provider: str
    model: str


class LlmProgress(ModelEvent, frozen=True, kw_only=True, tag="llm_progress"):
    """The model answers. The first of a call has ``first_token_s``. ``output`` is the text since
    the event before; it is missing unless the reporter sends it and the organization stores it.
    """

    first_token_s: fields.Seconds | UnsetType = UNSET
    output: str | UnsetType = UNSET


class LlmEnd(ModelEvent, frozen=True, kw_only=True, tag="llm_end"):
    """The model call has ended. ``input_tokens`` include ``cached_tokens``, ``output_tokens``
    include ``reasoning_tokens``. ``model`` is the one that answered, if it is another.
    """

    duration_s: fields.Seconds
    status: fields.CallOutcome
    input_tokens: fields.Tokens | UnsetType = UNSET
    output_tokens: fields.Tokens | UnsetType = UNSET
    cached_tokens: fields.Tokens | UnsetType = UNSET
    reasoning_tokens: fields.Tokens | UnsetType = UNSET
    cost_usd: fields.Dollars | UnsetType = UNSET
    first_token_s: fields.Seconds | UnsetType = UNSET
    finish_reason: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Handoff(Event, frozen=True, kw_only=True, tag="handoff"):
    """An agent hands over to another. It starts and ends neither of them."""

    stream = "graph"
    run_id: str
    from_agent_id: str
    to_agent_id: str
    message: str | UnsetType = UNSET


class Signal(Event, frozen=True, kw_only=True, tag="signal"):
    """The crew's status has changed."""

    stream = "mission"
    payload: fields.SignalPayload


def _leaves(kind: type[Event]) -> Iterator[type[Event]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from _leaves(each)


KINDS: dict[str, type[Event]] = {kind.__struct_config__.tag: kind for kind in _leaves(Event)}
