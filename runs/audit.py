"""Records what users do with runs in the audit trail. Events inside a run are in the event log."""

from collections.abc import Collection

from django.db.models import Model, QuerySet

from crews.audit.receivers import Changes, is_deleted_with
from crews.models import AuditEntry, Crew, Organization
from crews.models.audit_entry import Kind
from runs.models import Approval, Control, Run

# A cancellation is recorded when the run changes: it may come without a control.
CONTROLS = {
    Control.Action.PAUSE: Kind.RUN_PAUSED,
    Control.Action.RESUME: Kind.RUN_RESUMED,
    Control.Action.MESSAGE: Kind.RUN_MESSAGED,
}


def run_saved(run: Run, changed: Collection[str], *, created: bool) -> None:
    if created and run.parent:
        _record(Kind.RUN_RETRIED, run, {"parent": (None, str(run.parent))})
    elif created:
        _record(Kind.RUN_STARTED, run)
    elif _is_cancelled(run, changed):
        _record(Kind.RUN_CANCELLED, run)
    if "is_public" in changed and run.is_public != bool(run.loaded.get("is_public")):
        _record(Kind.RUN_SHARED if run.is_public else Kind.RUN_UNSHARED, run)


def control_asked(control: Control) -> None:
    if kind := CONTROLS.get(control.action):
        _record(kind, control.run, {"text": (None, control.text)} if control.text else None)


def approval_saved(approval: Approval, changed: Collection[str]) -> None:
    """The tool and the note are recorded. The parameters stay with the approval."""
    kinds = {"approved": Kind.APPROVAL_GIVEN, "denied": Kind.APPROVAL_DENIED}
    if "status" in changed and (kind := kinds.get(approval.status)):
        changes = {"tool": (None, approval.tool), "note": (None, approval.note)}
        _record(kind, approval.run, changes)


def run_about_to_be_deleted(run: Run, origin: Model | QuerySet | None) -> None:
    """Record the deletion, unless the crew or organization is deleted (``origin``)."""
    if not is_deleted_with((Crew, Organization), origin):
        _record(Kind.RUN_DELETED, run)


def _is_cancelled(run: Run, changed: Collection[str]) -> bool:
    """Whether cancellation is requested now. A running run ends later, through its worker."""
    if "cancel_requested" in changed:
        return run.cancel_requested
    return "status" in changed and run.status == Run.Status.CANCELLED and not run.cancel_requested


def _record(kind: Kind, run: Run, changes: Changes | None = None) -> None:
    organization = run.crew.organization
    AuditEntry.objects.record(kind, about=run, organization=organization, changes=changes)
