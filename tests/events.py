"""Events with the fields that a test does not care for filled in."""

from typing import Any, TypeVar

from runs.events.kinds import (
    AgentEnd,
    AgentStart,
    ApprovalDecided,
    ApprovalRequested,
    Boot,
    BudgetExceeded,
    BudgetWarning,
    ControlAcknowledged,
    ControlApplied,
    ControlRequested,
    Done,
    Error,
    Event,
    Handoff,
    LlmEnd,
    LlmProgress,
    LlmStart,
    Signal,
    TaskEnd,
    TaskStart,
    ToolEnd,
    ToolProgress,
    ToolStart,
)

E = TypeVar("E", bound=Event)

AGENT = {"agent_id": "orion"}
TASK = AGENT | {"task_id": "task"}
TOOL = AGENT | {"execution_id": "execution", "tool": "script"}
CALL = AGENT | {"call_id": "call"}
ENDING = {"status": "succeeded", "duration_s": 1}

BUDGET = {"alert_id": "alert", "period": "run", "measure": "usd", "limit": 5.0, "used": 4.5}

UNIMPORTANT: dict[type[Event], dict[str, Any]] = {
    Boot: {"crew": "Crew", "agents": [], "tasks": []},
    AgentStart: AGENT,
    AgentEnd: AGENT | {"status": "succeeded"},
    TaskStart: TASK | {"name": "Build"},
    TaskEnd: TASK | ENDING,
    Error: {"message": "failed", "reason": "tool_failed"},
    ControlRequested: {"control_id": "control", "action": "pause", "by": "acme-operator"},
    ControlAcknowledged: {"control_id": "control"},
    ControlApplied: {"control_id": "control", "status": "applied", "detail": ""},
    ApprovalRequested: AGENT
    | {
        "approval_id": "approval",
        "tool": "script",
        "params": {},
        "expires_at": "2026-01-01T00:00:00.000000Z",
        "seen": "digest",
        "admins_only": False,
    },
    ApprovalDecided: {"approval_id": "approval", "decision": "approved", "by": "a", "note": ""},
    BudgetWarning: BUDGET,
    BudgetExceeded: BUDGET | {"used": 5.5, "action": "cancel"},
    Done: ENDING,
    ToolStart: TOOL | {"params": {}},
    ToolProgress: TOOL | {"message": ""},
    ToolEnd: TOOL | {"duration_s": 1, "exit_code": 0, "status": "success"},
    LlmStart: CALL | {"provider": "openai", "model": "gpt-5-mini"},
    LlmProgress: CALL,
    LlmEnd: CALL | {"duration_s": 1, "status": "success"},
    Handoff: {"from_agent_id": "orion", "to_agent_id": "vega"},
    Signal: {"payload": {"status": "busy", "crewId": "crew"}},
}


def sample(kind: type[E], crew_id: str = "crew", run_id: str = "run", **fields: Any) -> E:
    assert kind in UNIMPORTANT, f"{kind.__name__}: add its required fields to tests/events.py"
    ids = {"crew_id": crew_id} if kind is Signal else {"crew_id": crew_id, "run_id": run_id}
    return kind(**ids, **UNIMPORTANT[kind] | fields)
