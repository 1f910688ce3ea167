"""What is between two tests that commit: the rows of the first are gone, what all have stays."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

from crews.models import AuditEntry, Organization


@pytest.mark.django_db(transaction=True)
def test_flush_empties_all_but_content_types_and_permissions(acme):
    kept = {(model, model.objects.count()) for model in (ContentType, Permission)}
    assert min(count for _, count in kept) > 10
    assert AuditEntry.objects.exists()
    call_command("flush", verbosity=0, interactive=False)
    assert {(model, model.objects.count()) for model in (ContentType, Permission)} == kept
    assert not [m for m in (Organization, User, AuditEntry) if m.objects.exists()]
