from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from crews.models import ApiKey
from crews.tracking import InvalidState, TrackedModel
from runs import workspaces
from runs.models import control
from runs.models.abstract_run import AbstractRun
from runs.models.control import Control
from runs.models.run_queryset import RunQuerySet, lease_end


class Run(AbstractRun):
    """One execution of a crew's plan, from the request to its single ``done`` event."""

    objects = RunQuerySet.as_manager()

    class Meta(AbstractRun.Meta):
        abstract = False

    def start(self, *, worker: str, tier: str = "") -> None:
        """Queued → running, with a new attempt and lease."""
        with self.locked():
            if self.status != self.Status.QUEUED:
                raise InvalidState(f"Run {self.pk} is {self.status}; only a queued run starts.")
            self.status = self.Status.RUNNING
            self.started_at = timezone.now()
            self.attempt += 1
            self.worker = worker
            self.tools_tier = tier
            self.lease_until = lease_end()
            self.held_attempt = self.attempt
            self.save(
                update_fields=[
                    "status", "started_at", "attempt", "worker", "tools_tier", "lease_until",
                ]
            )  # fmt: skip

    def cancel(self) -> Control | None:
        """Ask for the end of the run.

        Idempotent. An ended run stays as it is, without a control.
        """
        with self.locked():
            return None if self.is_over else Control.objects.ask(self, Control.Action.CANCEL)

    def ask_to_stop(self) -> None:
        """End a queued run at once, or ask the process that carries out a running run to stop."""
        if self.status == self.Status.QUEUED:
            self.finish(self.Status.CANCELLED, reason="cancelled")
        else:
            self.cancel_requested = True
            self.save(update_fields=["cancel_requested"])

    def finish(
        self, status: str, *, reason: str = "", message: str = "", at: datetime | None = None
    ) -> None:
        """End the run and its open model calls, tasks, tools, agents and approvals.

        An ended run keeps its first ending.

        ``at``: when a reported run ended, according to its reporter.

        If the caller does not hold the run (``held_attempt`` is ``None``), the worker's attempt
        ends, too: what it writes later is refused.
        """
        with self.locked():
            if self.is_over:
                return
            if status not in self.TERMINAL:
                raise InvalidState(f"A run cannot finish as {status!r}.")
            if self.status == self.Status.QUEUED and status == self.Status.SUCCEEDED:
                raise InvalidState(f"Run {self.pk} has not started, so it cannot succeed.")
            tasks = list(self.task_executions.select_for_update().filter(status="running"))
            if self.status == self.Status.RUNNING and self.held_attempt is None:
                self._take_away(tasks)
            end_of_open = "failed" if status == self.Status.FAILED else "cancelled"
            for task in tasks:
                task.finish(end_of_open, reason=reason, at=at)
            self.calls.cancel_all(self, reason or "Cancelled.", at=at)
            for agent in self.agent_executions.filter(status="running"):
                agent.finish(end_of_open, at=at)
            # After all that is on the graph stream: the crew's row is locked from here on.
            for approval in self.approvals.filter(status="pending"):
                approval.run = self
                approval.expire("The run has ended.", at=at)
            control.close(self, status)  # before the status: `done` is the last event
            self.status = status
            self.reason, self.message = reason, message[:500]
            self.ended_at = at or timezone.now()
            self.lease_until = self.paused_at = None
            self.save(
                update_fields=[
                    "status", "reason", "message", "ended_at", "lease_until", "paused_at",
                ]
            )  # fmt: skip

    def _take_away(self, tasks: Sequence[TrackedModel]) -> None:
        """End the worker's attempt: from now on the worker's writes are rejected.

        The worker locks a tool's row while it writes, so these rows are locked before the attempt.
        """
        for task in tasks:
            list(task.tool_executions.select_for_update().filter(status="running"))
        self.attempt += 1
        self.save(update_fields=["attempt"])

    def run_again(
        self,
        *,
        user=None,
        api_key: ApiKey | None = None,
        from_failed: bool = False,
        idempotency_key: str = "",
    ) -> "Run":
        """Request another run of the crew as it is now, or of this plan from its first failed task.

        The latter takes over the workspace. If the workspace does not exist any more, the run
        starts over. ``Run.retry`` says which of them happened.
        Raises ``InvalidState`` while the run is active, and for the same reasons as ``request``.
        Call it outside of a transaction, whose rollback would not give the workspace back.
        """
        retries = Run.objects.unscoped()
        with (
            workspaces.returned_on_failure(
                self.pk, exists=lambda retry_id: retries.filter(pk=retry_id).exists()
            ) as transfer_workspace,
            self.locked(),
        ):
            if self.is_reported:
                raise InvalidState("The run was reported by a program. Start that program again.")
            if not self.is_over:
                raise InvalidState(
                    f"Run {self.pk} is {self.status}. Wait for its end, or cancel it."
                )
            return Run.objects.request(
                crew=self.crew,
                user=user,
                api_key=api_key,
                idempotency_key=idempotency_key,
                parent=self,
                transfer_workspace=transfer_workspace if from_failed else None,
            )

    def share(self, public: bool) -> None:
        """Make the run readable for anyone who has its link, or private again."""
        with self.locked():
            self.is_public = public
            self.save(update_fields=["is_public"])
