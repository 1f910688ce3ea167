"""Rows of the list of runs, equal to those of `RunSerializer`, without a model instance for each.

A page of fifty costs a third of the CPU. `runs/tests/api/test_list.py` compares the two.
"""

from datetime import datetime
from typing import Any

from runs.execution.waits import Waits
from runs.models.timespan import seconds_between

SAME = (
    *("status", "reason", "message", "cancel_requested", "is_public", "pause_requested"),
    "trigger",
)
FIELDS = (
    *("id", "crew_id", "crew_name", *SAME, "started_by__username"),
    *("created_at", "started_at", "ended_at", "tools_tier", "parent_id", "retry", "origin"),
    "paused_at",
    *("crew__organization_id", "reported__name", "reported__key"),
)


def summaries(rows: Any) -> Any:
    """Return the same runs as named tuples with only the columns of a summary."""
    return rows.values_list(*FIELDS, named=True)


def summary(row: Any, waits: Waits) -> dict[str, Any]:
    """Return the API's representation of the run in a list."""
    wait = waits.find(row.id, row.status, row.crew__organization_id)
    return {
        "id": str(row.id),
        "crew_id": str(row.crew_id),
        "crew": row.crew_name,
        "name": row.reported__name,
        "key": row.reported__key,
        **{name: getattr(row, name) for name in SAME},
        "started_by": row.started_by__username,
        "created_at": _drf_time(row.created_at),
        "started_at": _drf_time(row.started_at),
        "ended_at": _drf_time(row.ended_at),
        "duration_s": seconds_between(row.started_at, row.ended_at),
        "tools_tier": row.tools_tier,
        "parent_id": row.parent_id and str(row.parent_id),
        "retry": row.retry,
        "queue_position": wait and wait.position,
        "wait": str(wait or ""),
        "origin": row.origin,
        "paused_at": _drf_time(row.paused_at),
    }


def _drf_time(moment: datetime | None) -> str | None:
    # DRF's format for a time in UTC, which is this project's time zone.
    return moment and moment.isoformat().removesuffix("+00:00") + "Z"
