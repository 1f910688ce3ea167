"""Deletion of crews and organizations.

They leave every list at once; their rows are removed in the background. A crew may have a hundred
thousand runs. ``runs.execution.removal`` removes them, and then the crew.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone

from crews.audit.receivers import record_deletion
from crews.models import Crew, Organization

deleting = Signal()  # ``crew``, locked; a receiver that needs it raises ``InvalidState``


def delete_crew(crew: Crew) -> None:
    """Harmless when repeated. Raises ``InvalidState`` while a run of the crew is active."""
    with crew.locked():
        if crew.deleted_at:
            return
        deleting.send(sender=Crew, crew=crew)
        record_deletion(crew)
        _hide(crew, is_active=False)


def delete_organization(organization: Organization) -> None:
    """Its members, secrets and API keys are deleted at once. Raises like ``delete_crew``."""
    with transaction.atomic():
        for crew in organization.crews.order_by("pk"):
            delete_crew(crew)
        with organization.locked():
            if organization.deleted_at:
                return
            for rows in (organization.memberships, organization.secrets, organization.api_keys):
                rows.all().delete()
            record_deletion(organization)
            _hide(organization)


def _hide(record: Crew | Organization, **values: bool) -> None:
    """Mark the record as deleted. The slug is free again.

    Nobody can take the slug that it gets: "~" is in no slug that people or programs may choose.

    No event reports it: the sockets notice it in their access check.
    """
    record.deleted_at, record.slug = timezone.now(), f"~{record.pk}"
    row = type(record).objects.unscoped().filter(pk=record.pk)
    QuerySet.update(row, deleted_at=record.deleted_at, slug=record.slug, **values)
