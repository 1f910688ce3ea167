"""The scheduler's thread that fires schedules. Several schedulers share the work."""

from runs.execution.background import PeriodicThread
from runs.schedules import firing


class Clock(PeriodicThread):
    """Checks once a second for schedules that are due."""

    name = due = "schedules"

    def run_once(self) -> None:
        firing.start_waiting()
        firing.fire_due()
