"""Types of the fields of events."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

Outcome = Literal["succeeded", "failed", "cancelled"]
ToolOutcome = Literal["success", "error", "completed_with_errors"]
CallOutcome = Literal["success", "error", "cancelled"]
ControlAction = Literal["pause", "resume", "cancel", "message"]
ControlOutcome = Literal["applied", "refused", "too_late"]
Decision = Literal["approved", "denied", "expired"]
BudgetPeriod = Literal["run", "day"]
BudgetMeasure = Literal["tokens", "usd", "minutes", "tool_calls", "model_calls"]
BudgetAction = Literal["cancel", "pause"]
CrewStatus = Literal["offline", "available", "busy"]
Seconds = Annotated[float, Meta(description="Seconds.", ge=0)]
Tokens = Annotated[int, Meta(description="Tokens. Missing where they are unknown.", ge=0)]
Dollars = Annotated[float, Meta(description="US dollars. Missing where it is unknown.", ge=0)]
Share = Annotated[float, Meta(description="How much is done, from 0 to 1.", ge=0, le=1)]


class BootAgent(TypedDict):
    agent_id: str
    name: str
    role: str


class BootTask(TypedDict):
    task_id: str
    name: str
    agent_id: str


class SignalPayload(TypedDict):
    """``approvals``: how many tool calls of the crew wait for approval, missing where none."""

    status: CrewStatus
    crewId: str
    approvals: NotRequired[int]
