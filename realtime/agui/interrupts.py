"""The interrupt that asks for approval of a tool call."""

from typing import Any

from runs.models.approval import NOTE_LIMIT

RESPONSE_SCHEMA = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "note": {"type": "string", "maxLength": NOTE_LIMIT},
    },
    "required": ["approved"],
}
SHOWN = ("approval_id", "agent_id", "task_id", "tool", "params", "admins_only", "seen")


def interrupt_of(asked: dict[str, Any], owner: str | None, suffix: str) -> dict[str, Any]:
    """Return the interrupt for an ``approval_requested``. ``owner``: the agent's subagentRunId.

    Its id contains ``seen``, the digest of the shown call, so that a client cannot approve another
    call. ``suffix`` says where the response ended: `realtime.agui.resume` reads both.
    """
    interrupt = {
        "id": f"{asked['approval_id']}:{asked['seen']}:{suffix}",
        "reason": "confirmation",
        "message": f"{asked['agent_id']} wants to call {asked['tool']}.",
        "responseSchema": RESPONSE_SCHEMA,
        "expiresAt": asked["expires_at"],
        "metadata": {name: asked[name] for name in SHOWN if name in asked},
    }
    return interrupt | ({"subagentRunId": owner} if owner else {})
