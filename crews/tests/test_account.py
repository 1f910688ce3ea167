"""The Account page: roles, and a new password that ends everything but the session it came from."""

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client

from conftest import PASSWORD
from crews.models import AuditEntry

NEW = "correct-horse-battery"


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str = NEW):
    form = {"old_password": old, "new_password1": new, "new_password2": again}
    return client.post("/account/", form, follow=True)


def may_see(client: Client) -> bool:
    return client.get("/account/").status_code == 200


@pytest.fixture
def viewer(acme, client) -> Client:
    client.login(username=acme.viewer.username, password=PASSWORD)
    return client


def test_it_names_the_user_and_the_roles(acme, globex, viewer):
    globex.organization.memberships.create(user=acme.viewer, role="operator")
    page = viewer.get("/account/").content.decode()
    for text in (acme.viewer.username, "Acme", "Viewer: watches", "Globex", "Operator: also"):
        assert text in page


def test_a_new_password_ends_other_sessions_and_keeps_this_one(acme, viewer, api):
    other, form = Client(), {"username": acme.viewer.username, "password": PASSWORD}
    assert other.login(**form)
    access = api(None).post("/api/token/", form, format="json").json()["access"]
    assert "Your password is changed." in change(viewer).content.decode()
    assert may_see(viewer)
    assert not may_see(other)
    bearer = {"Authorization": f"Bearer {access}"}
    assert api(None).get("/api/crews/", headers=bearer).status_code == 401
    assert not Client().login(**form)
    assert Client().login(**form | {"password": NEW})
    entry = AuditEntry.objects.unscoped().get(kind="user.password_changed")
    assert (entry.actor_name, entry.way) == (acme.viewer.username, "page")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"old": "wrong"}, "not your present password"),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "acme-viewer", "again": "acme-viewer"}, "too similar"),
        ({"again": "something else"}, "match"),
    ],
)
def test_a_wrong_form_changes_nothing_and_says_why(acme, viewer, wrong, message):
    response = change(viewer, **wrong)
    assert response.status_code == 400
    assert message in response.content.decode()
    acme.viewer.refresh_from_db()
    assert acme.viewer.check_password(PASSWORD)


def test_guesses_of_the_present_password_lock_it_as_signing_in_does(acme, viewer):
    for _ in range(settings.AXES_FAILURE_LIMIT):
        assert change(viewer, old="wrong").status_code == 400
    assert AccessAttempt.objects.get().failures_since_start == settings.AXES_FAILURE_LIMIT
    assert change(viewer).status_code == 400
    form = {"username": acme.viewer.username, "password": PASSWORD}
    assert Client().post("/login/", form).status_code == 200  # not signed in
