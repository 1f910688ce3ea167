"""A change and its audit entry are stored together, or neither is."""

import pytest
from django.db import transaction

from crews.models import ApiKey, AuditEntry, Membership, Secret
from crews.models.audit_entry import AuditEntryQuerySet
from crews.tests.test_audit import membership_of


def change(what: str, acme) -> object:
    """Make a change that the trail records."""
    if what == "password":
        acme.viewer.set_password("another password")
        acme.viewer.save()
    elif what == "removal":
        membership_of(acme.viewer).delete()
    elif what == "key":
        acme.issue_key("watch")
    elif what == "secret":
        acme.keep_secret()
    else:
        membership = membership_of(acme.viewer)
        membership.role = "admin"
        membership.save()
    return None


def stored(acme) -> list:
    memberships = Membership.objects.order_by("pk").values_list("pk", "role")
    made = ApiKey.objects.count(), Secret.objects.count()
    return [*memberships, *made, type(acme.viewer).objects.get(pk=acme.viewer.pk).password]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["role", "removal", "password", "key", "secret"])
def test_a_change_that_cannot_be_recorded_is_not_made(acme, monkeypatch, what):
    before = stored(acme)

    def fail(*args, **kwargs):
        raise RuntimeError("The trail is full.")

    with monkeypatch.context() as patch:
        patch.setattr(AuditEntryQuerySet, "record", fail)
        with pytest.raises(RuntimeError, match="full"):
            change(what, acme)
    assert stored(acme) == before
    change(what, acme)
    assert stored(acme) != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["role", "removal", "password"])
def test_a_change_that_is_rolled_back_is_not_recorded(acme, what):
    before = AuditEntry.objects.count()
    with transaction.atomic():
        change(what, acme)
        assert AuditEntry.objects.count() == before + 1
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == before
