"""The Celery task of a helper: it carries out one task of a run that another process holds.

The helper works for the same attempt of the run and on the same machine. It never renews the run's
lease: if the process that holds the run is lost, the run ends, as without helpers. The task has a
lease of its own, which the helper renews. If that runs out, the run ends, too: a tool may have done
half of its work.
"""

import logging
from uuid import uuid4

from celery import shared_task
from structlog.contextvars import bound_contextvars

from runs.execution import faults
from runs.execution.helper_wakeup import HELP_TASK_NAME, notify_helpers
from runs.execution.lease import Lease
from runs.execution.pausing import RunPause
from runs.execution.retry_on_outage import retry_on_outage
from runs.execution.steps import carry_out
from runs.models import Run, TaskExecution
from runs.workspaces import workspace_of

logger = logging.getLogger(__name__)


@shared_task(name=HELP_TASK_NAME)
def help_run(run_id: str, attempt: int) -> None:
    """Carry out the run's next task, if one may begin and the attempt still holds the run."""
    owned = Run.objects.filter(pk=run_id, attempt=attempt, status=Run.Status.RUNNING)
    run = owned.select_related("crew").first()
    if run and workspace_of(run.pk).is_dir():
        run.held_attempt = attempt
        with bound_contextvars(user_id=run.started_by_id, **run.log_ids):
            _help(run)


def _help(run: Run) -> None:
    with faults.handled(run, by_helper=True):
        execution = retry_on_outage(
            TaskExecution.objects.start_next, run=run, id=uuid4(), by_helper=True
        )
        if execution is None:
            return
        logger.info("Run %s: this helper process starts task %s", run.pk, execution)
        with Lease(run, execution) as lease:
            carry_out(execution, lease, RunPause(run, lease, execution))
        notify_helpers(run)
