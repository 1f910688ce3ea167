"""The audit trail records changes of users and passwords, sign-ins and tokens."""

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from conftest import PASSWORD
from crews.audit import sign_in
from crews.models import AuditEntry
from tests.admin import clients, url

WRONG = "not the password"
LIMIT = settings.AXES_FAILURE_LIMIT


def kinds(**about) -> list[str]:
    entries = AuditEntry.objects.filter(object_type="auth.user", **about)
    return list(entries.order_by("pk").values_list("kind", flat=True))


def newest(kind: str) -> AuditEntry:
    return AuditEntry.objects.filter(kind=kind).first()


# -- Accounts -------------------------------------------------------------------------------------


def test_an_account_is_recorded_from_its_creation_to_its_end(db):
    user = User.objects.create_user("ada", password=PASSWORD)
    user.email = "ada@example.com"
    user.is_staff = user.is_superuser = True
    user.save()
    user.is_active = user.is_superuser = False
    user.save()
    user.is_active = True
    user.save(update_fields=["is_active"])
    user.set_password("another password")
    user.save()
    user.delete()
    assert kinds(object_name="ada") == [
        "user.created",
        "user.edited", "user.made_superuser",
        "user.deactivated", "user.made_ordinary",
        "user.activated",
        "user.password_changed",
        "user.deleted",
    ]  # fmt: skip
    edit = AuditEntry.objects.get(kind="user.edited")
    assert edit.changes == {"email": ["", "ada@example.com"], "is_staff": [False, True]}


def test_no_password_is_recorded_not_even_its_hash(db):
    user = User.objects.create_user("ada", password=PASSWORD)
    hashes = [user.password]
    user.set_password("another password")
    user.save()
    hashes.append(user.password)
    user.delete()
    text = str(list(AuditEntry.objects.values()))
    assert "user.password_changed" in text
    for secret in (PASSWORD, "another password", *hashes):
        assert secret not in text
        assert secret.rpartition("$")[2] not in text


def test_a_user_created_as_a_superuser_is_recorded_as_one(superuser, acme):
    assert kinds(object_id=superuser.pk) == ["user.created", "user.made_superuser"]
    assert kinds(object_id=acme.viewer.pk) == ["user.created"]


def test_the_admin_changes_a_password(acme, globex, superuser):
    staff = clients(acme, globex, superuser)
    form = {"password1": "a good password", "password2": "a good password"}
    form |= {"usable_password": "true"}
    path = url("auth_user_password_change", acme.viewer.pk)
    assert staff["admin"].post(path, form).status_code == 403
    assert newest("user.password_changed") is None
    assert staff["superuser"].post(path, form).status_code == 302
    entry = newest("user.password_changed")
    assert (entry.actor_name, entry.way, entry.object_name) == ("root", "admin", "acme-viewer")


class FormerHasher(PBKDF2PasswordHasher):
    iterations = 2


def test_signing_in_may_renew_the_hash_of_the_password_which_is_no_change(acme, settings):
    acme.viewer.password = FormerHasher().encode(PASSWORD, "salt")
    acme.viewer.save()
    before = kinds(object_id=acme.viewer.pk)
    assert before[-1] == "user.password_changed"  # set without a verb, and yet recorded
    assert authenticate(username="acme-viewer", password=PASSWORD) == acme.viewer
    user = User.objects.get(pk=acme.viewer.pk)
    assert user.password != acme.viewer.password
    assert kinds(object_id=acme.viewer.pk) == before


# -- Signing in -----------------------------------------------------------------------------------


def test_signing_in_is_recorded_with_address_and_way(acme):
    form = {"username": "acme-admin", "password": PASSWORD}
    response = Client(REMOTE_ADDR="192.0.2.7").post("/login/", form)
    assert response.status_code == 302
    entry = newest("sign_in.succeeded")
    assert (entry.actor_id, entry.object_name) == (acme.admin.pk, "acme-admin")
    assert (entry.address, entry.way, entry.organization_id) == ("192.0.2.7", "page", None)


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_failure_is_recorded_without_the_typed_text(acme, way):
    path = {"page": "/login/", "api": "/api/token/"}[way]
    kind = {"content_type": "application/json"} if way == "api" else {}
    for username in ("acme-viewer", WRONG):
        Client().post(path, {"username": username, "password": WRONG}, **kind)
    entries = list(AuditEntry.objects.filter(kind="sign_in.failed").order_by("pk"))
    assert [entry.object_name for entry in entries] == ["acme-viewer", "a name that nobody has"]
    assert entries[0].object_id == str(acme.viewer.pk)
    assert {(entry.actor_id, entry.actor_name, entry.way) for entry in entries} == {(None, "", way)}
    assert WRONG not in str(list(AuditEntry.objects.values()))


def test_an_invalid_address_is_not_recorded(acme):
    form = {"username": "acme-viewer", "password": WRONG}
    Client(REMOTE_ADDR="<script>").post("/login/", form)
    assert newest("sign_in.failed").address == ""


def test_failures_are_bounded_for_one_account_and_for_all(acme, monkeypatch):
    monkeypatch.setattr(sign_in, "LIMIT_PER_ACCOUNT", 3)
    monkeypatch.setattr(sign_in, "LIMIT_IN_ALL", 5)
    for username in ("acme-viewer", "acme-admin", "nobody"):
        for _ in range(4):
            authenticate(username=username, password=WRONG)
    names = list(AuditEntry.objects.filter(kind="sign_in.failed").values_list("object_name"))
    assert len(names) == 5
    assert names.count(("acme-viewer",)) == 3


def guess(username: str, times: int, browser: str = "one", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        client = Client(HTTP_USER_AGENT=browser, REMOTE_ADDR=address)
        client.post("/login/", {"username": username, "password": WRONG})


def unlock(client: Client, **attempts: str):
    pk = AccessAttempt.objects.filter(**attempts).first().pk
    return client.post(url("axes_accessattempt_delete", pk), {"post": "yes"})


def test_unlocking_is_recorded(acme, globex, superuser):
    staff = clients(acme, globex, superuser)
    for username in ("acme-viewer", WRONG):
        guess(username, LIMIT)
    assert unlock(staff["admin"], username="acme-viewer").status_code == 403
    assert newest("sign_in.unlocked") is None
    assert unlock(staff["superuser"], username="acme-viewer").status_code == 302
    entry = newest("sign_in.unlocked")
    assert (entry.actor_name, entry.object_name) == ("root", "acme-viewer")
    left = AccessAttempt.objects.values_list("pk", flat=True)
    form = {"action": "delete_selected", "_selected_action": list(left), "post": "yes"}
    staff["superuser"].post(url("axes_accessattempt_changelist"), form)
    assert not AccessAttempt.objects.exists()
    assert newest("sign_in.unlocked").object_name == "a name that nobody has"
    assert WRONG not in str(list(AuditEntry.objects.values()))


def test_deleting_the_failures_of_one_browser_unlocks_the_account_there(acme, globex, superuser):
    desk = clients(acme, globex, superuser)["superuser"]
    guess("acme-viewer", LIMIT - 1, "one")
    guess("acme-viewer", LIMIT - 1, "two")
    guess("acme-viewer", 1, address="192.0.2.2")
    assert AccessAttempt.objects.count() == 3
    AccessAttempt.objects.filter(ip_address="192.0.2.1").update(failures_since_start=LIMIT)
    unlock(desk, ip_address="192.0.2.1", user_agent="one")
    assert AuditEntry.objects.filter(kind="sign_in.unlocked").count() == 1
    assert AccessAttempt.objects.get().ip_address == "192.0.2.2"
    form = {"username": "acme-viewer", "password": PASSWORD}
    assert Client(REMOTE_ADDR="192.0.2.1").post("/login/", form).status_code == 302


def test_deleting_failures_that_locked_nobody_is_no_unlocking(acme, globex, superuser):
    desk = clients(acme, globex, superuser)["superuser"]
    guess("acme-viewer", 1)
    assert unlock(desk).status_code == 302
    assert not AccessAttempt.objects.exists()
    assert newest("sign_in.unlocked") is None


# -- Tokens ---------------------------------------------------------------------------------------


def test_a_token_issued_over_the_api_is_recorded(acme):
    form = {"username": "acme-viewer", "password": PASSWORD}
    response = Client().post("/api/token/", form, content_type="application/json")
    assert response.status_code == 200
    entry = newest("token.issued")
    assert (entry.actor_id, entry.way, entry.object_name) == (acme.viewer.pk, "api", "acme-viewer")
    assert response.json()["access"] not in str(list(AuditEntry.objects.values()))


def test_a_token_issued_by_the_command_is_recorded(acme, capsys):
    call_command("issue_token", "acme-viewer")
    entry = newest("token.issued")
    assert (entry.actor_id, entry.object_name) == (None, "acme-viewer")
    assert capsys.readouterr().out.strip() not in str(list(AuditEntry.objects.values()))
