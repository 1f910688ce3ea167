"""When crews start by themselves, and what came of each fire time."""

from runs.schedules.models.fire import Fire
from runs.schedules.models.schedule import Schedule

__all__ = ["Fire", "Schedule"]
