"""Records in the audit trail who changes a schedule. Its runs are recorded like all runs."""

from crews.audit import receivers
from crews.audit.watched import Watched
from crews.models import Crew, Organization
from crews.models.audit_entry import Kind
from runs.schedules.models import Schedule


def watch() -> None:
    receivers.watch(
        Schedule,
        Watched(
            Kind.SCHEDULE_CREATED,
            Kind.SCHEDULE_EDITED,
            Kind.SCHEDULE_DELETED,
            fields=("expression", "zone", "overlap", "missed", "is_enabled"),
            deleted_with=(Crew, Organization),
        ),
    )
