"""The scheduler's thread that fires schedules. Several schedulers share the work."""

from runs.execution.background import Looking
from runs.schedules import firing


class Clock(Looking):
    """Looks once a second for schedules that are due."""

    name = due = "schedules"

    def look(self) -> None:
        firing.start_waiting()
        firing.fire_due()
