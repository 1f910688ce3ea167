"""Secrets at rest: what opens them, what does not, and changing the keys."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from crews import checks
from crews.models import Secret
from crews.models.secret import validate_host, validate_username, validate_value
from crews.sealing import Unreadable

VALUE = "canary/of a secrét"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def rows() -> str:
    """The table as a thief of the database reads it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM crews_secret")
        return str(cursor.fetchall())


def reencrypt(**options: bool) -> str:
    call_command("reencrypt_secrets", stdout=(output := StringIO()), **options)
    return output.getvalue().strip()


def test_the_value_comes_back_and_the_use_is_noted(acme):
    secret = acme.keep_secret(VALUE)
    assert secret.last_used_at is None
    assert secret.use() == VALUE
    secret.refresh_from_db()
    assert secret.last_used_at >= secret.created_at
    assert (secret.created_by, secret.updated_by) == (acme.admin, acme.admin)


def test_the_database_holds_no_value(acme):
    secret = acme.keep_secret(VALUE)
    assert "canary" not in rows()
    assert secret.sealed in rows()  # so this is where it would stand
    Secret.objects.filter(pk=secret.pk).update(sealed=VALUE)
    assert "canary" in rows()  # and in this way it would be found


@pytest.mark.parametrize("stolen", ["row", "host", "organization"])
def test_a_value_that_was_moved_in_the_database_does_not_open(acme, globex, stolen):
    secret, other = acme.keep_secret(VALUE), globex.keep_secret("something else")
    if stolen == "row":
        Secret.objects.filter(pk=other.pk).update(sealed=secret.sealed)
    elif stolen == "host":
        Secret.objects.filter(pk=secret.pk).update(host="evil.example.com")
    else:
        Secret.objects.filter(pk=secret.pk).update(organization=globex.organization)
    moved = Secret.objects.get(pk=(other if stolen == "row" else secret).pk)
    with pytest.raises(Unreadable, match="was stored for another host or organization"):
        moved.use()


def test_changed_keys(acme, settings):
    settings.SECRETS_KEYS = [OLD]
    secret = acme.keep_secret(VALUE)
    settings.SECRETS_KEYS = [NEW, OLD]
    assert secret.use() == VALUE
    assert reencrypt(dry_run=True) == "Readable: 1."
    settings.SECRETS_KEYS = [NEW]
    with pytest.raises(Unreadable, match="its key is not among SECRETS_KEYS"):
        secret.use()

    settings.SECRETS_KEYS = [NEW, OLD]
    assert reencrypt() == "Encrypted with the first key: 1."
    settings.SECRETS_KEYS = [NEW]
    updated_at = secret.updated_at
    secret.refresh_from_db()
    assert secret.use() == VALUE
    assert secret.updated_at == updated_at


def test_what_the_derived_key_sealed_stays_readable_as_long_as_secret_key_does(acme, settings):
    secret = acme.keep_secret(VALUE)
    settings.SECRETS_KEYS = [NEW]
    assert secret.use() == VALUE
    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable):
        secret.use()


def test_a_secret_with_a_lost_key_is_named_and_harms_no_other_secret(acme, globex, settings):
    settings.SECRETS_KEYS = [OLD]
    lost = acme.keep_secret(VALUE)
    settings.SECRETS_KEYS = [NEW]
    globex.keep_secret("something else")
    for options in ({}, {"dry_run": True}):
        with pytest.raises(CommandError, match="No key opens these: acme/acme-deploy"):
            reencrypt(**options)
    lost.refresh_from_db()
    settings.SECRETS_KEYS = [OLD]
    assert lost.use() == VALUE


def test_a_value_stored_while_another_process_encrypts_is_kept(acme, settings):
    settings.SECRETS_KEYS = [NEW, OLD]
    secret = acme.keep_secret(VALUE)
    stale = Secret.objects.get()
    secret.store("a newer value", by=acme.admin)
    stale.reseal()
    assert Secret.objects.get().use() == "a newer value"


def test_a_deployment_without_keys_is_warned(settings):
    settings.SECRETS_KEYS = [NEW]
    assert checks.secrets_have_a_key_of_their_own() == []
    settings.SECRETS_KEYS = []
    (warning,) = checks.secrets_have_a_key_of_their_own()
    assert warning.id == "crews.W001"
    assert "reencrypt_secrets" in warning.hint


@pytest.mark.parametrize("host", ["github.com", "git.example.com:8443", "10.0.0.1", "a-b.c:65535"])
def test_hosts(host):
    validate_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "https://github.com",
            "github.com/",
            "GitHub.com",
            "github.com:443",
            "a:0",
            "a:65536",
        ),
        *("a b", "a.", ".a", "a..b", "-a", "user@a", "a:b", "a\n", "*", "[::1]"),
    ],
)
def test_what_is_no_host(host):
    with pytest.raises(ValidationError, match="Write the host as"):
        validate_host(host)


@pytest.mark.parametrize(
    "value", ["x" * 7, "x" * 2049, "é" * 1025, "two\nlines of it", "nul \0 in it", "\ud800" * 9]
)
def test_what_is_no_value(value):
    with pytest.raises(ValidationError) as refused:
        validate_value(value)
    assert value not in str(refused.value)


@pytest.mark.parametrize(("username", "fits"), [("git", True), ("a@b.c", True), ("a:b", False)])
def test_user_names(username, fits):
    if fits:
        validate_username(username)
    else:
        with pytest.raises(ValidationError, match="Write a user name of letters"):
            validate_username(username)
