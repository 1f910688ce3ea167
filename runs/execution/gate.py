"""The approval gate: a step that an approval rule matches waits for a person before it begins.

A step ends its own approval when its time is over. Those of other programs end by the sweep
(`ApprovalQuerySet.expire_due`).
"""

import logging
from collections.abc import Callable, Collection
from typing import Any
from uuid import uuid4

from crews.models import ApprovalRule
from crews.models.approval_rule import strictest
from runs.execution.approval_display import NotFullyShown, shown_params
from runs.execution.lease import Lease
from runs.execution.retry_on_outage import retry_on_outage
from runs.execution.run_events import RunEvents
from runs.models import Approval, TaskExecution

logger = logging.getLogger(__name__)


class StepRefused(Exception):
    """The step must not begin. ``reason``: approval_denied, approval_expired or cancelled."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def wait_for_approval(
    task: TaskExecution,
    step: dict[str, Any],
    *,
    params: dict[str, Any],
    secrets: Collection[str],
    lease: Lease,
    wait_while_paused: Callable[[], None],
) -> None:
    """Return at once if no rule matches the step, otherwise when it is approved.

    ``params`` are the step's with their defaults. The approval shows those of the step without
    credentials; a step that cannot be shown whole is refused. Raises ``StepRefused`` if the step
    must not begin, and what ``Lease.check`` raises. If the worker is lost, the end of the run ends
    the approval; a retry of the run asks again. No step begins while the run is paused.
    """
    given = step.get("params", {})
    crew, call = task.run.crew, {"agent_id": task.agent_id, "tool": step["tool"]}
    rules = retry_on_outage(
        ApprovalRule.objects.that_match, crew, **call, params={**params, **given}
    )
    if not rules:
        return
    try:
        shown = shown_params(given, secrets)
    except NotFullyShown as error:
        raise StepRefused("approval_denied", str(error)) from error
    approval = retry_on_outage(
        Approval.objects.request,
        id=uuid4(),
        run=task.run,
        task_id=task.task_id,
        **call,
        params=shown,
        unredacted=given,
        **strictest(rules),
    )
    logger.info("Approval %s: %s waits for a decision", approval.pk, step["tool"])
    _wait(approval, lease, wait_while_paused)
    logger.info("Approval %s: %s", approval.pk, approval.status)
    if approval.status != Approval.Status.APPROVED:
        raise StepRefused(f"approval_{approval.status}", approval.refusal)


def _wait(approval: Approval, lease: Lease, wait_while_paused: Callable[[], None]) -> None:
    """Wait until the approval is decided or expires."""
    with RunEvents(approval.run_id) as events:
        while True:
            wait_while_paused()
            retry_on_outage(approval.refresh_decision)
            if lease.check():
                raise StepRefused("cancelled", "The run was cancelled while the step waited.")
            if not approval.is_pending:
                return
            if approval.left_s <= 0:
                retry_on_outage(approval.expire)
                return
            events.wait(approval.left_s)
