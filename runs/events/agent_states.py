"""The state of an agent, from its tasks."""

from collections.abc import Collection, Iterable

STATE_OF_TASK = {"running": "working", "succeeded": "done", "failed": "error", "cancelled": "idle"}


def worst(statuses: Collection[str]) -> str:
    """Return the outcome of an agent whose tasks ended with these statuses."""
    return next(status for status in ("failed", "cancelled", "succeeded") if status in statuses)


def agent_has_ended(statuses: Collection[str], planned: int) -> bool:
    """Whether an agent has no task left. ``planned``: how many tasks the run has planned for it."""
    return "running" not in statuses and len(statuses) >= planned


def agent_state(statuses: Iterable[str]) -> str:
    """Return ``idle``, ``working``, ``done`` or ``error``, from an agent's tasks in start order.

    A running task takes precedence over one that has ended. Otherwise the last one counts.
    """
    state = "idle"
    for status in statuses:
        if state != "working":
            state = STATE_OF_TASK[status]
    return state
