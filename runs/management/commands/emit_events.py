"""``manage.py emit_events``: a run that only emits events, to try clients and measure delivery."""

import os
import socket
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from crews.models import Crew
from crews.tracking import InvalidState
from runs.execution.lease import Lease, LeaseLost
from runs.management.commands.run_crew import INTERRUPTED, find_crew
from runs.models import Run, TaskExecution, ToolExecution

TOOL = "synthetic"
SLEEP_S = 0.5  # longest sleep between two checks for cancellation


class Cancelled(Exception):
    """The run was cancelled."""


class Command(BaseCommand):
    help = (
        "Writes a synthetic run of the crew through the models: its tasks in order, each with one "
        "tool, whose progress messages begin with t=<unix time in nanoseconds>. No worker is used."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--crew", required=True, help="id, slug or organization/slug")
        parser.add_argument("--rate", type=float, default=20, help="tool_progress events a second")
        parser.add_argument("--seconds", type=float, default=10, help="length of the run")

    def handle(self, *args: Any, crew: str, rate: float, seconds: float, **options: Any) -> None:
        if not (0 < rate < float("inf") and 0 < seconds < float("inf")):
            raise CommandError("--rate and --seconds: give numbers above 0.")
        found = find_crew(crew)
        if not found.tasks.exists():
            raise CommandError(f"Crew {found} has no task. Add one.")
        run = _started(found)
        self.stdout.write(str(run.pk))
        self.stdout.flush()
        begun = time.monotonic()
        synthetic = Synthetic(run, rate=rate, seconds=seconds)
        interrupted = False
        try:
            with Lease(run) as lease:
                synthetic.emit(lease)
            run.finish(Run.Status.SUCCEEDED)
        except (KeyboardInterrupt, Cancelled) as reason:
            interrupted = isinstance(reason, KeyboardInterrupt)
            run.finish(Run.Status.CANCELLED, reason="cancelled")
        except (LeaseLost, InvalidState) as lost:
            raise CommandError(f"Somebody else has ended run {run.pk}: {lost}") from lost
        took = time.monotonic() - begun
        self.stdout.write(
            f"{run.status}: {synthetic.emitted} tool_progress events in {took:.1f} s, "
            f"{synthetic.emitted / took:.1f} a second"
        )
        if interrupted:
            sys.exit(INTERRUPTED)


def _started(crew: Crew) -> Run:
    """A running run of the crew. No worker ever sees it as queued, so none takes it."""
    with transaction.atomic():
        run = Run.objects.create(crew=crew)
        run.start(worker=f"emit_events@{socket.gethostname()}:{os.getpid()}")
    return run


class Synthetic:
    """Emits the events of a run. The time is divided evenly among the tasks of its plan."""

    def __init__(self, run: Run, *, rate: float, seconds: float) -> None:
        self.emitted = 0  # tool_progress events
        self._run = run
        self._rate = rate
        self._seconds = seconds

    def emit(self, lease: Lease) -> None:
        """Emit the events. Raises ``Cancelled`` and the errors of a lease."""
        begun = time.monotonic()
        tasks = self._run.plan["tasks"]
        for number, task in enumerate(tasks, start=1):
            execution = TaskExecution.objects.start(run=self._run, task=task)
            tool = ToolExecution.objects.start(
                task_execution=execution, tool=TOOL, params={"rate": self._rate}
            )
            self._report(tool, begun, begun + self._seconds * number / len(tasks), lease)
            tool.end(ToolExecution.Status.SUCCESS, exit_code=0)
            execution.finish(TaskExecution.Status.SUCCEEDED)

    def _report(self, tool: ToolExecution, begun: float, until: float, lease: Lease) -> None:
        """Report at the rate until ``until``, or as fast as possible if the database is slower."""
        first = time.monotonic()
        while True:
            _sleep(min(begun + self.emitted / self._rate, until), lease)
            now = time.monotonic()
            if now >= until:
                return
            self.emitted += 1
            tool.report(
                message=f"t={time.time_ns()} event {self.emitted}",
                progress=(now - first) / (until - first),
            )


def _sleep(until: float, lease: Lease) -> None:
    """Sleep until ``until``, unless it is past. Raises ``Cancelled`` and the lease's errors."""
    while not lease.check():
        pause = until - time.monotonic()
        if pause <= 0:
            return
        time.sleep(min(pause, SLEEP_S))
    raise Cancelled
