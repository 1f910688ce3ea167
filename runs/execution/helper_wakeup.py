"""Calls other processes of the worker to a run that has tasks for them.

A message only says that a task may be ready, as one for a queued run does. The process that
receives it starts the next task, if there is one. So a lost or late message costs time, and an
extra one costs nothing: the process that holds the run carries out every task that no other has
begun.
"""

import logging

from celery import current_app
from celery.utils.nodenames import worker_direct

from runs.execution import broker
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import Run, TaskExecution
from runs.plan_progress import may_be_parallel

HELP_TASK_NAME = "runs.tasks.help_run"

logger = logging.getLogger(__name__)


def notify_helpers(run: Run) -> None:
    """Send a message for each task that may begin now. Only the run's own worker gets them: the
    workspace is on its machine.
    """
    if not may_be_parallel(run.plan):
        return
    queue = worker_direct(run.worker)
    for _ in retry_on_outage(TaskExecution.objects.progress_of, run).ready:
        try:
            with broker.producer() as producer:
                current_app.send_task(
                    HELP_TASK_NAME,
                    [str(run.pk), run.own_attempt],
                    queue=queue,
                    producer=producer,
                    retry=False,
                )
        except broker.NotSent as error:
            logger.warning(
                "Run %s: the broker did not accept the message to the helpers (%s)", run.pk, error
            )
            return
