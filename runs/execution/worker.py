"""The Celery task of runs: it claims a run and executes it. Also the heartbeat of the worker."""

import atexit
import logging
import socket
import time

from celery import current_task, shared_task
from celery.signals import heartbeat_sent, worker_init, worker_ready
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from structlog.contextvars import bound_contextvars

from runs.execution import (
    presence,
    report_writer,  # noqa: F401  its import connects it to the worker's signals
    retention,
    run_queue,
)
from runs.execution.executor import execute
from runs.models import Worker
from runs.tools import box

logger = logging.getLogger(__name__)


@shared_task(name="runs.tasks.execute_run")
def execute_run(run_id: str) -> None:
    """Execute the run whose turn it is. ``run_id`` only says that a run may be waiting."""
    worker = current_task.request.hostname or socket.gethostname()
    if run := run_queue.claim(worker=worker, tier=box.tier().name):
        asked = {"user_id": run.started_by_id}
        if str(run.pk) == run_id:  # else the message belongs to another request
            asked["request_id"] = current_task.request.get("request_id")
        with bound_contextvars(**asked, **run.log_ids):
            logger.info("Run %s started, attempt %d", run.pk, run.attempt)
            execute(run)
            if run.is_over:  # ended here; otherwise the executor has logged who took it
                logger.info("Run %s is done: %s", run.pk, run.reason or run.status)


@worker_init.connect
def find_tier(**kwargs: object) -> None:
    """Find the tier before the worker's processes are forked: they inherit the result."""
    box.tier()


@worker_ready.connect
def clean_workspaces(**kwargs: object) -> None:
    retention.WorkspaceCleaning().start()


class _Heartbeat:
    """Records in the database, on Celery's own heartbeat, that this worker is alive."""

    last = float("-inf")  # seconds, monotonic

    def ready(self, sender, **kwargs) -> None:
        self.beat(sender)
        presence.refresh_all()
        # Celery does not send worker_shutdown if SIGQUIT ends the worker, as the stack does.
        atexit.register(self.leave, _name(sender))

    def beat(self, sender, **kwargs) -> None:
        if time.monotonic() - self.last >= settings.WORKER_HEARTBEAT_S:
            self.last = time.monotonic()
            close_old_connections()
            slots = settings.CELERY_WORKER_CONCURRENCY
            Worker.objects.beat(_name(sender), tier=box.tier().name, slots=slots)

    def leave(self, name: str) -> None:
        close_old_connections()
        try:
            Worker.objects.filter(name=name).delete()
            presence.refresh_all()
        except DatabaseError as error:
            logger.warning(
                "Worker %s could not be removed from the list of workers: %s", name, error
            )


def _name(sender) -> str:
    return getattr(sender, "hostname", None) or sender.eventer.hostname


_heartbeat = _Heartbeat()
worker_ready.connect(_heartbeat.ready)
heartbeat_sent.connect(_heartbeat.beat)
