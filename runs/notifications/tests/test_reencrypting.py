"""``manage.py reencrypt_secrets`` re-encrypts notification targets: their keys can be changed."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from crews.sealing import Unreadable
from runs.notifications.forms import TargetEditForm
from runs.notifications.models import Target

pytestmark = pytest.mark.django_db

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
ADDRESS = "https://example.com/hook"
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def reencrypt(**options: bool) -> str:
    call_command("reencrypt_secrets", stdout=(output := StringIO()), **options)
    return output.getvalue().strip()


def test_the_address_and_the_key_open_once_the_old_key_is_gone(acme, make_target, settings):
    settings.SECRETS_KEYS = [OLD]
    webhook, slack = make_target(ADDRESS), make_target(SLACK, name="chat", service="slack")
    acme.keep_secret("a value of a secret")
    settings.SECRETS_KEYS = [NEW, OLD]
    before = Target.objects.get(pk=webhook.pk).sealed
    assert reencrypt(dry_run=True) == "Readable: 3."
    assert Target.objects.get(pk=webhook.pk).sealed == before
    assert reencrypt() == "Encrypted with the first key: 3."
    settings.SECRETS_KEYS = [NEW]
    found = Target.objects.get(pk=webhook.pk)
    assert (found.address, found.key) == (ADDRESS, webhook.new_key)
    found = Target.objects.get(pk=slack.pk)
    assert (found.address, found.sealed_key) == (SLACK, "")
    assert reencrypt(dry_run=True) == "Readable: 3."


@pytest.mark.parametrize("field", ["sealed", "sealed_key"])
def test_a_target_with_a_lost_key_is_named(make_target, settings, field):
    settings.SECRETS_KEYS = [OLD]
    lost = getattr(make_target(name="lost"), field)
    settings.SECRETS_KEYS = [NEW]
    make_target(name="other")
    Target.objects.filter(name="lost").delete()
    target = make_target(name="lost")
    Target.objects.filter(pk=target.pk).update(**{field: lost})
    for options in ({}, {"dry_run": True}):
        with pytest.raises(CommandError, match=r"these: acme/lost \(notification target\)\."):
            reencrypt(**options)


def test_a_form_that_is_saved_meanwhile_keeps_the_new_encryption(acme, make_target, settings):
    settings.SECRETS_KEYS = [OLD]
    target = make_target()
    settings.SECRETS_KEYS = [NEW, OLD]
    reencrypt()
    data = {"name": target.name, "kinds": target.kinds, "is_active": "on"}
    form = TargetEditForm(data | {"seen": "another"}, target=target, user=acme.admin)
    assert form.is_valid()  # `target` was read before
    form.save()
    settings.SECRETS_KEYS = [NEW]
    assert Target.objects.get().address == ADDRESS
    assert Target.objects.get().key == target.new_key


@pytest.mark.parametrize("field", ["sealed", "sealed_key"])
def test_values_stored_while_another_process_encrypts_are_kept(make_target, settings, field):
    settings.SECRETS_KEYS = [OLD]
    make_target()
    stale = Target.objects.get()
    settings.SECRETS_KEYS = [NEW, OLD]
    target = Target.objects.get()
    key = target.keep("https://example.com/another")
    Target.objects.filter(pk=target.pk).update(**{field: getattr(target, field)})
    stale.reseal()
    settings.SECRETS_KEYS = [NEW]
    found = Target.objects.get()
    if field == "sealed":
        assert found.address == "https://example.com/another"
    else:
        assert found.key == key
    other = "key" if field == "sealed" else "address"
    with pytest.raises(Unreadable):  # the pair was not stored as it was read, so neither changes
        getattr(found, other)
