"""The state of an agent, from its tasks."""

from collections.abc import Collection, Iterable

STATE_OF_TASK = {"running": "working", "succeeded": "done", "failed": "error", "cancelled": "idle"}


def worst(statuses: Collection[str]) -> str:
    """Return the outcome of an agent whose tasks ended with these statuses."""
    return next(status for status in ("failed", "cancelled", "succeeded") if status in statuses)


def agent_has_ended(statuses: Collection[str], planned: int) -> bool:
    """Whether an agent has no task left. ``planned``: how many tasks the run has planned for it."""
    return "running" not in statuses and len(statuses) >= planned


def agent_state(work: Iterable[tuple[str, bool]]) -> str:
    """Return ``idle``, ``working``, ``paused``, ``done`` or ``error``.

    ``work``: the status of each task of the agent, in start order, and whether a pause of its run
    holds it; the same of its running tools. Running work takes precedence over ended work.
    Otherwise the last task counts.
    """
    work = list(work)
    paused = [is_paused for status, is_paused in work if status == "running"]
    if paused:
        return "paused" if all(paused) else "working"
    return STATE_OF_TASK[work[-1][0]] if work else "idle"
