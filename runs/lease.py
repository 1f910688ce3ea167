"""A worker's hold on a run: renewed while it works, and the ear for cancellation."""

import logging
import threading
import time
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error, connection

from runs.models import Run

POLL_S = 0.5  # how often the database is asked whether the run was cancelled

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """This worker does not hold the run any more, so it must stop and write nothing."""


class Lease:
    """Context manager round the work on a run.

    A thread of its own renews the lease every ``RUN_HEARTBEAT_S`` seconds and looks every half second
    whether the run has been cancelled or taken away. A database that does not answer, or a worker
    that was frozen, ends nothing before the lease itself has run out.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._renewed_at = time.monotonic()
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        keep = partial(copy_context().run, self._keep)  # its log lines are about the run, too
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
        # A process that is being ended may hold a transaction open, cut off by the signal, that
        # the thread waits for.
        if kind is None or issubclass(kind, Exception):
            self._thread.join()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> bool:
        """Whether the run is to be cancelled. Raises ``LeaseLost`` when it is not ours any more."""
        held_s = time.monotonic() - self._renewed_at
        # The database's clock decides for everybody else; ours only makes us give up in time.
        if self._lost.is_set() or held_s > settings.RUN_LEASE_S:
            raise LeaseLost(
                f"the lease of attempt {self._run.own_attempt} is gone, renewed {held_s:.0f} s ago"
            )
        return self.cancelled

    def _keep(self) -> None:
        try:
            while not self._over.wait(POLL_S) and not self._lost.is_set():
                try:
                    self._look()
                    self._renew_if_due()
                except Run.DoesNotExist:
                    self._lost.set()
                except Error as error:
                    logger.warning("Run %s: the database did not answer (%s)", self._run.pk, error)
                    connection.close()
        finally:
            connection.close()

    def _look(self) -> None:
        attempt, status, cancel_requested = Run.objects.values_list(
            "attempt", "status", "cancel_requested"
        ).get(pk=self._run.pk)
        if attempt != self._run.own_attempt or status != Run.Status.RUNNING:
            self._lost.set()
        elif cancel_requested:
            self._cancelled.set()

    def _renew_if_due(self) -> None:
        asked_at = time.monotonic()
        if self._lost.is_set() or asked_at - self._renewed_at < settings.RUN_HEARTBEAT_S:
            return
        if Run.objects.renew_lease(self._run):
            self._renewed_at = asked_at
        else:
            self._lost.set()
