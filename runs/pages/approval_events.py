"""Approvals of a run, as lines of its history."""

from collections.abc import Iterator, Mapping

from runs.models import Approval
from runs.pages.history import Entry

# The fields with the times of events.
APPROVAL = {"approval_requested": "requested_at", "approval_decided": "decided_at"}


def of_approval(
    approval: Approval, names: Mapping[str, str], *, names_people: bool
) -> Iterator[Entry]:
    """``names_people``: whether the reader may see who decided, and the note."""
    agent = {
        "agent_id": approval.agent_id,
        "agent": names.get(approval.agent_id, approval.agent_id),
    }
    about = {"id": str(approval.pk), **agent}
    yield Entry(
        "approval_requested",
        at=approval.requested_at,
        what=f"waits for approval of {approval.tool}",
        **about,
    )
    if approval.decided_at:
        is_approved = approval.status == Approval.Status.APPROVED
        detail = approval.refusal or f"Approved by {approval.by}. {approval.note}".strip()
        yield Entry(
            "approval_decided",
            at=approval.decided_at,
            what=f"may{'' if is_approved else ' not'} call {approval.tool}",
            status=approval.status,
            detail=detail if names_people else approval.get_status_display(),
            **about,
        )
