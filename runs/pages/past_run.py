"""A run's own record as it was at a moment of its past."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from runs.events.run_state import RunState
from runs.events.state import CrewState
from runs.models import Run

NOT_DONE = ("refused", "too_late")


class Moment(Protocol):
    """The data of `runs.pages.past.Past` about a moment before the run's end."""

    at: datetime
    run_state: RunState
    state: CrewState
    is_pruned: bool

    @property
    def usage(self) -> Mapping[str, Any]: ...


def reopen(run: Run, then: Moment) -> None:
    """Change ``run``, which is not saved, to its state at that moment."""
    run_state = then.run_state
    has_started = run_state.status == "running" or is_by(run.started_at, then.at)
    controls = run_state.controls.values()
    asked = [one for one in controls if one["status"] not in NOT_DONE and "action" in one]
    moves = [one for one in asked if one["action"] in ("pause", "resume")]
    if run.is_reported and not then.is_pruned:
        run.plan = _plan(run.plan, then)
    run.cancel_requested = any(one["action"] == "cancel" for one in asked)
    run.pause_requested = bool(moves) and moves[-1]["action"] == "pause"
    run.paused_at = _paused_at(run, then.at) if run_state.paused else None
    run.status = "running" if has_started else "queued"
    run.reason = run.message = ""
    run.ended_at, run.as_of = None, then.at
    if not has_started:
        run.started_at, run.tools_tier = None, ""
    for name, value in then.usage.items():
        is_cost = name == "cost_usd" and value is not None
        setattr(run, name, Decimal(str(round(value, 10))) if is_cost else value)


def is_by(moment: datetime | None, at: datetime) -> bool:
    return moment is not None and moment <= at


def _plan(plan: dict[str, Any], then: Moment) -> dict[str, Any]:
    """The plan of a reported run grows: what there was of it."""
    agents = {*then.run_state.agents, *then.state.agents}
    return plan | {
        "agents": [agent for agent in plan["agents"] if agent["agent_id"] in agents],
        "tasks": [task for task in plan["tasks"] if task["task_id"] in then.run_state.tasks],
    }


def _paused_at(run: Run, at: datetime) -> datetime | None:
    applied = run.controls.filter(action="pause", status="applied", ended_at__lte=at)
    return applied.order_by("-ended_at").values_list("ended_at", flat=True).first()
