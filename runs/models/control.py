"""Requests to a run: pause, resume, cancel, a message. Each is answered exactly once."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone

from crews.audit_actor import Way, current_actor
from crews.tracking import InvalidState, TrackedModel, TrackedQuerySet
from runs.models.abstract_run import AbstractRun
from runs.plan_progress import may_be_parallel

CONTROL_TEXT_LIMIT = 4_000  # characters of a message
DETAIL_LIMIT = 500
CONTROLS_PER_RUN = 1_000  # at most
BY_LIMIT = 150

NO_MESSAGES = (
    "The tools of a worker read no messages. Only a program that reports its run can receive them."
)


class ControlQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True

    def pending(self) -> Self:
        return self.filter(ended_at=None)

    def ask(
        self, run: AbstractRun, action: str, *, text: str = "", by: str | None = None
    ) -> "Control":
        """Ask ``run`` for the action. If a control for it is pending or in effect, return that.

        ``by`` names the requester for people; by default the current user or API key. Raises
        ``InvalidState`` if the run has ended, or is already being cancelled.
        """
        action = Control.Action(action)
        with run.locked():
            if run.is_over:
                raise InvalidState(f"The run has ended: {run.status}. It takes no more controls.")
            known = list(run.controls.defer("text", "detail"))
            if same := _same(run, known, action, text):
                return same
            if run.cancel_requested:
                raise InvalidState("The run is being cancelled. It takes no other control.")
            if action == Control.Action.RESUME and not run.pause_requested:
                raise InvalidState("The run is not paused.")
            refusal = _refusal(run, action)
            if len(known) >= CONTROLS_PER_RUN:
                if action != Control.Action.CANCEL:
                    raise InvalidState(
                        f"The run has had {CONTROLS_PER_RUN} controls. Only cancel is left."
                    )
                if refusal:
                    raise InvalidState(refusal)
            by = (_asker() if by is None else by)[:BY_LIMIT]
            asked = {"action": action, "text": text, "by": by, "requested_at": timezone.now()}
            control = self.create(run=run, **asked)
            if refusal:
                control.end(Control.Status.REFUSED, refusal)
            elif action == Control.Action.CANCEL:
                run.ask_to_stop()
                control.refresh_from_db()  # a queued run has ended with this
            elif action != Control.Action.MESSAGE:
                _request_pause_or_resume(run, control, known)
        return control

    def acknowledge(self, run: AbstractRun) -> None:
        """Note that the process that carries out ``run`` has read its controls."""
        with run.locked():
            for control in run.controls.filter(status=Control.Status.REQUESTED):
                control.acknowledge()


class Control(TrackedModel):
    """One control of a run. Its changes emit ``control_requested``, ``control_acknowledged`` and
    ``control_applied``. Every change is made under the lock of the run's row.
    """

    class Action(models.TextChoices):
        PAUSE = "pause", "Pause"
        RESUME = "resume", "Resume"
        CANCEL = "cancel", "Cancel"
        MESSAGE = "message", "Message"

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        APPLIED = "applied", "Applied"
        REFUSED = "refused", "Refused"
        TOO_LATE = "too_late", "Too late"

    FINAL = (Status.APPLIED, Status.REFUSED, Status.TOO_LATE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(
        "runs.Run", on_delete=models.CASCADE, related_name="controls", db_index=False
    )
    action = models.CharField(max_length=10, choices=Action)
    text = models.CharField(max_length=CONTROL_TEXT_LIMIT, blank=True)
    by = models.CharField(max_length=BY_LIMIT, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.REQUESTED)
    detail = models.CharField(max_length=DETAIL_LIMIT, blank=True)
    requested_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ControlQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["requested_at", "id"]
        indexes = [
            models.Index(fields=["run", "-requested_at", "-id"], name="control_of_run"),
            models.Index(fields=["run"], condition=models.Q(ended_at=None), name="control_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.status})"

    @property
    def is_over(self) -> bool:
        return self.status in self.FINAL

    @property
    def refusal(self) -> str:
        """Why the action was refused, for the person who asked; ``""`` if it was not."""
        if self.status != self.Status.REFUSED:
            return ""
        return f"{self.get_action_display()} is not possible. {self.detail}"

    @property
    def pauses_or_resumes(self) -> bool:
        """Whether it is a pause or a resume."""
        return self.action in (self.Action.PAUSE, self.Action.RESUME)

    def acknowledge(self, *, at: datetime | None = None) -> None:
        if self.status == self.Status.REQUESTED:
            self.status = self.Status.ACKNOWLEDGED
            self.acknowledged_at = at or timezone.now()
            self.save(update_fields=["status", "acknowledged_at"])

    def end(self, status: str, detail: str = "", *, at: datetime | None = None) -> None:
        """Answer the control. Only the first answer counts."""
        if self.is_over:
            return
        if status not in self.FINAL:
            raise InvalidState(f"A control cannot end as {status!r}.")
        self.status, self.detail = status, detail[:DETAIL_LIMIT]
        self.ended_at = at or timezone.now()
        self.save(update_fields=["status", "detail", "ended_at"])
        if self.pauses_or_resumes:
            self._set_paused_at()
        elif self.action == self.Action.CANCEL and self.status == self.Status.REFUSED:
            self.run.cancel_requested = False
            self.run.save(update_fields=["cancel_requested"])

    def _set_paused_at(self) -> None:
        """Set or clear the time of the run's pause. A refused pause is requested no more."""
        run, is_pause = self.run, self.action == self.Action.PAUSE
        if self.status == self.Status.APPLIED and run.pause_requested == is_pause:
            run.paused_at = self.ended_at if is_pause else None
            run.save(update_fields=["paused_at"])
        elif self.status == self.Status.REFUSED and run.pause_requested == is_pause:
            run.pause_requested = not is_pause
            run.save(update_fields=["pause_requested"])


def close(run: AbstractRun, status: str) -> None:
    """Answer all that is pending, because the run ends as ``status``. The caller holds its lock."""
    for control in run.controls.pending():
        if control.action == Control.Action.CANCEL and status == "cancelled":
            control.end(Control.Status.APPLIED)
        else:
            control.end(Control.Status.TOO_LATE, f"The run had ended: {status}.")


def report_paused(run: AbstractRun, paused: bool, task: models.Model | None = None) -> bool:
    """A process that carries out ``run``, or the ``task`` of it, has paused or is about to
    continue.

    Returns whether that is still what people want and, of a pause, whether no other task of the run
    is at work any more. If not, no control is answered.
    """
    with run.locked():
        if run.is_over or run.pause_requested != paused:
            return False
        if may_be_parallel(run.plan):
            if task:
                run.task_executions.note_paused(task, paused)
            if paused and run.task_executions.filter(status="running", is_paused=False).exists():
                return False
        action = Control.Action.PAUSE if paused else Control.Action.RESUME
        for control in run.controls.pending().filter(action=action):
            control.end(Control.Status.APPLIED)
        return True


def _same(run: AbstractRun, known: list["Control"], action: str, text: str) -> "Control | None":
    """Return the control that this one would repeat: it is pending, or it is still in effect."""
    if action == Control.Action.MESSAGE:
        return run.controls.pending().filter(action=action, text=text).last()
    if pending := [
        control for control in known if control.action == action and not control.is_over
    ]:
        return pending[-1]
    all_such = [control for control in known if control.pauses_or_resumes]
    applied = [control for control in all_such if control.status == Control.Status.APPLIED]
    is_settled = all(control.is_over for control in all_such)
    return applied[-1] if is_settled and applied and applied[-1].action == action else None


def _request_pause_or_resume(run: AbstractRun, control: "Control", known: list["Control"]) -> None:
    """Set whether the run is to be paused. Of pauses and resumes only the newest is pending."""
    is_pause = control.action == Control.Action.PAUSE
    run.pause_requested = is_pause
    run.save(update_fields=["pause_requested"])
    detail = "Paused again before it had resumed." if is_pause else "Resumed before it had paused."
    for other in known:
        if other.pauses_or_resumes and not other.is_over:
            other.end(Control.Status.REFUSED, detail)
    if is_pause and run.is_reported and run.paused_at:
        # Its program may have resumed already, and has not reported it yet.
        run.paused_at = None
        run.save(update_fields=["paused_at"])
    elif bool(run.paused_at) == is_pause:
        control.end(Control.Status.APPLIED)  # no process has to do anything for it


def _refusal(run: AbstractRun, action: str) -> str:
    """Why the process that carries out the run cannot do this, or ""."""
    needed = Control.Action.PAUSE if action == Control.Action.RESUME else action
    if needed in run.controls_taken:
        return ""
    if not run.is_reported:
        return NO_MESSAGES
    return f"The program that reports this run ({run.reported.source}) does not take it."


def _asker() -> str:
    """The name of the user or API key of the current request, for people who watch the run."""
    actor = current_actor()
    return "a command" if actor.way in (Way.COMMAND, Way.SYSTEM) else actor.name
