"""The state that an AG-UI client keeps of a run: that of the reducer, and patches of it.

Patches are JSON Patch (RFC 6902). ``add`` also replaces a member that exists.
"""

from typing import Any

import msgspec

from runs.events.run_state import RunState

# For each kind of event: the map of the state that it changes, and its field with the key.
CHANGED = {
    "agent_start": ("agents", "agent_id"), "agent_end": ("agents", "agent_id"),
    "task_start": ("tasks", "task_id"), "task_end": ("tasks", "task_id"),
    "control_requested": ("controls", "control_id"),
    "control_acknowledged": ("controls", "control_id"),
    "control_applied": ("controls", "control_id"),
    "approval_requested": ("approvals", "approval_id"),
    "approval_decided": ("approvals", "approval_id"),
}  # fmt: skip
SINGLE = ("status", "paused", "reason", "duration_s")
CHANGE_STATUS_OR_ERRORS = ("error", "done")  # change these or the errors


def snapshot(state: RunState) -> dict[str, Any]:
    return msgspec.to_builtins(state)


def delta(state: RunState, frame: dict[str, Any]) -> list[dict[str, Any]]:
    """Apply an event of the run's stream to the state. Return the patch, which may be empty."""
    if frame["type"] not in (*CHANGED, *CHANGE_STATUS_OR_ERRORS):  # a rare kind
        earlier = snapshot(state)
        state.apply(frame)
        changed = {k: v for k, v in snapshot(state).items() if v != earlier[k]}
        return [{"op": "add", "path": f"/{k}", "value": v} for k, v in changed.items()]
    before = [getattr(state, name) for name in SINGLE]
    errors = len(state.errors)
    field, key = CHANGED.get(frame["type"], ("", ""))
    had = bool(field) and frame[key] in getattr(state, field)
    state.apply(frame)
    patch: list[dict[str, Any]] = []
    if field:
        path = f"/{field}/{_escaped(frame[key])}"
        entry = getattr(state, field).get(frame[key])
        if entry is not None:
            patch.append({"op": "add", "path": path, "value": dict(entry)})
        elif had:
            patch.append({"op": "remove", "path": path})
    for name, old in zip(SINGLE, before, strict=True):
        if (new := getattr(state, name)) != old:
            patch.append({"op": "add", "path": f"/{name}", "value": new})
    added = state.errors[errors:]
    return patch + [{"op": "add", "path": "/errors/-", "value": text} for text in added]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
