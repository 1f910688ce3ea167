"""A worker's lease on a run. It is renewed during the work, and it receives the run's controls."""

import logging
import threading
import time
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error, connection
from django.db.models import Exists, OuterRef

from crews.tracking import InvalidState
from runs.models import Control, Run, TaskExecution

POLL_S = 0.25  # interval of the query for controls of the run
CLOCK_JUMP_S = 1.0  # by which the clock has run ahead after a suspend of the machine or a step

logger = logging.getLogger(__name__)


def clock_offset() -> float:
    """Seconds by which the clock of the machine is ahead of ``time.monotonic``.

    They grow while the machine is suspended and when its clock is set forward. Leases run out by
    the clock of the database, which may have made the same jump.
    """
    return time.time() - time.monotonic()


class LeaseLost(Exception):
    """This worker does not hold the run any more. It must stop and write nothing."""


class Lease:
    """Context manager around the work on a run, or on one task of a run that another process holds.

    A separate thread renews the lease for ``RUN_LEASE_S`` seconds, every ``RUN_HEARTBEAT_S``
    seconds and at once after a jump of the clock. If the lease ends, so does the run: see `reaper`.
    The thread checks every quarter of a second whether the run has been cancelled, paused or taken
    away, and acknowledges its controls. If the database does not answer, or the worker was frozen,
    the work continues until the lease itself has expired.
    """

    def __init__(self, run: Run, task: TaskExecution | None = None) -> None:
        self._run = run
        self._task = task
        self._renewed_at = time.monotonic()
        self._clock_offset = clock_offset()
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self.pause_requested = run.pause_requested  # a helper's run may be paused already
        keep = partial(copy_context().run, self._keep)  # its log lines also carry the run's ids
        self._thread = threading.Thread(target=keep, name=f"lease-{run.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        # When the process is being ended, the signal may have interrupted a transaction that the
        # thread waits for. So the thread is joined only after a normal end or an Exception.
        if kind is None or issubclass(kind, Exception):
            self._thread.join()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> bool:
        """Whether the run is to be cancelled. Raises ``LeaseLost`` if this worker lost the run."""
        held_s = time.monotonic() - self._renewed_at
        # For other processes the database's clock decides; this clock only makes us stop in time.
        if self._lost.is_set() or held_s > settings.RUN_LEASE_S:
            raise LeaseLost(
                f"the lease of attempt {self._run.own_attempt} is gone, renewed {held_s:.0f} s ago"
            )
        return self.cancelled

    def _keep(self) -> None:
        try:
            while not self._over.wait(POLL_S) and not self._lost.is_set():
                try:
                    self._read_controls()
                    self._renew_if_due()
                except Run.DoesNotExist:
                    self._lost.set()
                except Error as error:
                    logger.warning("Run %s: the database did not answer (%s)", self._run.pk, error)
                    connection.close()
        finally:
            connection.close()

    def _read_controls(self) -> None:
        unread = Control.objects.filter(run=OuterRef("pk"), status=Control.Status.REQUESTED)
        facts = ("attempt", "status", "cancel_requested", "pause_requested", "has_unread")
        run = Run.objects.annotate(has_unread=Exists(unread)).values_list(*facts, named=True)
        run = run.get(pk=self._run.pk)
        if run.attempt != self._run.own_attempt or run.status != Run.Status.RUNNING:
            self._lost.set()
            return
        self.pause_requested = run.pause_requested
        if run.cancel_requested:
            self._cancelled.set()
        if run.has_unread:
            self._acknowledge()

    def _acknowledge(self) -> None:
        # Not the instance that the work uses, as this is another thread.
        own = Run.objects.defer("plan", "remains").get(pk=self._run.pk)
        own.held_attempt = self._run.own_attempt
        try:
            Control.objects.acknowledge(own)
        except InvalidState:
            self._lost.set()

    def _renew_if_due(self) -> None:
        asked_at, offset = time.monotonic(), clock_offset()
        is_due = asked_at - self._renewed_at >= settings.RUN_HEARTBEAT_S
        has_jumped = offset - self._clock_offset > CLOCK_JUMP_S
        if self._lost.is_set() or not (is_due or has_jumped):
            return
        task = self._task
        renewed = (
            TaskExecution.objects.renew_lease(task) if task else Run.objects.renew_lease(self._run)
        )
        if renewed:
            self._renewed_at, self._clock_offset = asked_at, offset
        else:
            self._lost.set()
