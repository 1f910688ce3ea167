"""Pauses of a run that this worker executes: between steps, or within a step whose tool can stop."""

import time

from runs.execution.lease import Lease
from runs.execution.outages import retry_on_outage
from runs.models import Run
from runs.models.control import report_paused

POLL_S = 0.05


class RunPause:
    """The pause of ``run`` under ``lease``. The lease goes on, and time limits do not count."""

    def __init__(self, run: Run, lease: Lease) -> None:
        self._run = run
        self._lease = lease
        self._is_paused = False

    def requested(self) -> bool:
        return self._lease.pause_requested and not self._lease.cancelled

    def report(self, paused: bool) -> bool:
        if paused != self._is_paused and retry_on_outage(report_paused, self._run, paused):
            self._is_paused = paused
        return self._is_paused == paused

    def wait(self) -> None:
        """Wait between steps while the run is paused. Returns at once when it is cancelled.

        Raises ``LeaseLost`` if this worker has lost the run.
        """
        while not self._lease.check() and (self.requested() or not self.report(False)):
            if self.requested():
                self.report(True)
            time.sleep(POLL_S)
