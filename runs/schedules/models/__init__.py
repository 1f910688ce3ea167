"""The schedules of crews, and the outcome of each fire time."""

from runs.schedules.models.fire import Fire
from runs.schedules.models.schedule import Schedule

__all__ = ["Fire", "Schedule"]
