"""Pauses of a run of this worker: between steps, or within a step whose tool can stop."""

import time

from runs.execution.helper_wakeup import notify_helpers
from runs.execution.lease import Lease
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import Run, TaskExecution
from runs.models.control import report_paused

POLL_S = 0.05
OTHERS_S = 0.25  # interval at which a task that has paused looks whether the others have


class RunPause:
    """The pause of ``run`` under ``lease``. The lease continues, and time limits do not count.

    ``execution``: the task that this process carries out. The run is paused once each of its
    running tasks is.
    """

    def __init__(self, run: Run, lease: Lease, execution: TaskExecution | None = None) -> None:
        self._run = run
        self._lease = lease
        self._execution = execution
        self._is_noted = False  # this task has paused
        self._is_paused = False  # the run has
        self._ask_at = 0.0

    def requested(self) -> bool:
        return self._lease.pause_requested and not self._lease.cancelled

    def report(self, paused: bool) -> bool:
        """Report that the work has stopped or is about to continue. Returns whether the run is
        paused, or may continue.
        """
        if paused and not self._is_paused and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + OTHERS_S
            self._is_paused = self._report(True)
            self._is_noted = True
        elif not paused and self._is_noted and self._report(False):
            self._is_paused = self._is_noted = False
            notify_helpers(self._run)  # those that were notified during the pause found no work
        return self._is_paused if paused else not self._is_noted

    def _report(self, paused: bool) -> bool:
        return retry_on_outage(report_paused, self._run, paused, self._execution)

    def wait(self) -> None:
        """Wait between steps while the run is paused. Returns at once when it is cancelled.

        Raises ``LeaseLost`` if this worker has lost the run.
        """
        while not self._lease.check() and (self.requested() or not self.report(False)):
            if self.requested():
                self.report(True)
            time.sleep(POLL_S)
