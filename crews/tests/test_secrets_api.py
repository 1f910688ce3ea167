"""Secrets over HTTP and in the admin: they go in and never come out."""

import pytest
from django.contrib.admin.models import LogEntry

from crews.models import Membership, Secret
from tests.admin import clients, url

LIST = "/api/organizations/acme/secrets/"
ONE = f"{LIST}deploy/"
NEW = {"name": "deploy", "host": "github.com", "value": "canary-of-a-secret"}


@pytest.fixture
def send(api, acme):
    """Sends as somebody, by default as acme's admin; no answer ever holds a canary."""

    def request(method: str, path: str, body: object = None, user=acme.admin):
        client = api(user)
        response = getattr(client, method)(path, body, format="json")
        assert "canary" not in response.content.decode()
        return response

    return request


def test_an_admin_makes_lists_replaces_and_deletes_one(acme, send):
    made = send("post", LIST, NEW)
    assert made.status_code == 201
    secret = made.json()
    assert secret == {
        **secret,
        "name": "deploy",
        "host": "github.com",
        "username": "git",
        "created_by": acme.admin.username,
        "last_used_at": None,
    }
    assert "value" not in secret
    assert send("get", LIST).json() == {"next": None, "results": [secret]}

    replaced = send("put", ONE, {"host": "gitlab.com", "value": "canary-the-second"})
    assert replaced.status_code == 200
    assert (replaced.json()["name"], replaced.json()["host"]) == ("deploy", "gitlab.com")
    assert send("get", ONE).json() == replaced.json()
    assert Secret.objects.get().use() == "canary-the-second"

    assert send("delete", ONE).status_code == 204
    assert send("get", ONE).status_code == 404


def test_a_value_alone_is_replaced_and_the_rest_stays(acme, send):
    send("post", LIST, NEW | {"host": "gitlab.com", "username": "deployer"})
    replaced = send("put", ONE, {"value": "canary-the-second"})
    assert replaced.status_code == 200
    stored = replaced.json()
    assert (stored["host"], stored["username"]) == ("gitlab.com", "deployer")
    assert Secret.objects.get().use() == "canary-the-second"
    assert send("put", ONE, {"host": "gitlab.com"}).status_code == 400


def test_lists_are_paged(acme, send):
    for number in range(3):
        acme.keep_secret(name=f"s{number}")
    page = send("get", f"{LIST}?page_size=2").json()
    assert [secret["name"] for secret in page["results"]] == ["s0", "s1"]
    assert [secret["name"] for secret in send("get", page["next"]).json()["results"]] == ["s2"]


def test_another_host_needs_the_value_anew(acme, send):
    """Else who may edit a secret could have its value sent to a host of theirs."""
    acme.keep_secret(name="deploy")
    refused = send("put", ONE, {"host": "evil.example.com"})
    assert refused.status_code == 400
    assert [error["attr"] for error in refused.json()["errors"]] == ["value"]
    assert send("patch", ONE, {"host": "evil.example.com"}).status_code == 405
    assert Secret.objects.get().host == "github.com"


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"value": "canary"}, "value"),
        ({"value": "canary\nin two lines"}, "value"),
        ({"value": "canary" * 1000}, "value"),
        ({"value": ["canary"]}, "value"),
        ({"host": "https://github.com"}, "host"),
        ({"name": "a name"}, "name"),
        ({"username": "a:b"}, "username"),
    ],
)
def test_what_cannot_be_one_is_refused_without_being_repeated(send, db, change, attr):
    refused = send("post", LIST, NEW | change)
    assert refused.status_code == 400
    assert {error["attr"] for error in refused.json()["errors"]} == {attr}
    assert not Secret.objects.exists()
    assert send("post", LIST, NEW).status_code == 201


def test_a_name_is_used_once_in_an_organization(acme, globex, send):
    globex.keep_secret(name="deploy")
    assert send("post", LIST, NEW).status_code == 201
    refused = send("post", LIST, NEW)
    assert refused.status_code == 400
    assert refused.json()["detail"] == (
        "name: The organization has a secret with this name already."
    )


def test_others_change_nothing(acme, globex, send):
    secret = acme.keep_secret(name="deploy")
    for user, status in ((acme.operator, 403), (acme.viewer, 403), (globex.admin, 404)):
        assert send("post", LIST, NEW | {"name": "x"}, user).status_code == status
        assert send("put", ONE, NEW, user).status_code == status
        assert send("delete", ONE, None, user).status_code == status
    assert Secret.objects.get().sealed == secret.sealed


def test_a_foreign_secret_is_not_reached_through_the_own_organization(acme, globex, send):
    globex.keep_secret(name="deploy")
    assert send("get", ONE).json() == send("get", f"{LIST}missing/").json()
    Membership.objects.create(user=acme.admin, organization=globex.organization, role="operator")
    assert send("get", "/api/organizations/globex/secrets/").status_code == 403
    assert send("get", LIST).json()["results"] == []


def test_each_organization_lists_its_own_to_an_admin_of_both(acme, globex, send):
    Membership.objects.create(user=acme.admin, organization=globex.organization, role="admin")
    for tenant in (acme, globex):
        tenant.keep_secret(name=f"of-{tenant.organization.slug}")
    for slug in ("acme", "globex"):
        listed = send("get", f"/api/organizations/{slug}/secrets/").json()["results"]
        assert [secret["name"] for secret in listed] == [f"of-{slug}"]


class TestAdmin:
    @pytest.fixture
    def staff(self, acme, globex, superuser):
        return clients(acme, globex, superuser)

    @pytest.fixture
    def form(self, acme) -> dict[str, object]:
        return NEW | {"organization": acme.organization.pk, "username": "git"}

    def test_it_is_made_and_replaced_and_shown_on_no_page(self, acme, staff, form):
        client = staff["admin"]
        assert client.post(url("crews_secret_add"), form).status_code == 302
        secret = Secret.objects.get()
        assert (secret.use(), secret.created_by) == ("canary-of-a-secret", acme.admin)

        change = url("crews_secret_change", secret.pk)
        changed = {"host": "gitlab.com", "username": "git", "value": "canary-the-second"}
        assert client.post(change, changed).status_code == 302
        secret.refresh_from_db()
        assert (secret.host, secret.use()) == ("gitlab.com", "canary-the-second")

        for page in (
            change,
            url("crews_secret_history", secret.pk),
            url("crews_secret_changelist"),
        ):
            text = client.get(page, follow=True).content.decode()
            assert "deploy" in text
            assert "canary" not in text
            assert secret.sealed not in text
        entries = LogEntry.objects.values_list("change_message", "object_repr")
        assert len(entries) == 2
        assert "canary" not in str(entries)

    def test_a_refused_form_does_not_give_the_value_back(self, staff, form):
        client = staff["admin"]
        refused = client.post(url("crews_secret_add"), form | {"host": "https://github.com"})
        text = refused.content.decode()
        assert "Write the host as github.com" in text
        assert "https://github.com" in text  # what is no secret is given back
        assert "canary" not in text

    def test_another_host_needs_the_value_anew(self, acme, staff):
        secret = acme.keep_secret()
        path = url("crews_secret_change", secret.pk)
        staff["admin"].post(path, {"host": "evil.example.com", "username": "git", "value": ""})
        secret.refresh_from_db()
        assert secret.host == "github.com"

    def test_it_is_not_made_in_another_organization_nor_moved_nor_renamed(
        self, acme, globex, staff, form
    ):
        form["organization"] = globex.organization.pk
        assert staff["admin"].post(url("crews_secret_add"), form).status_code == 200
        assert not Secret.objects.exists()
        secret = acme.keep_secret()
        staff["superuser"].post(url("crews_secret_change", secret.pk), form)
        secret.refresh_from_db()
        assert (secret.organization, secret.name) == (acme.organization, "acme-deploy")

    @pytest.mark.parametrize("person", ["operator", "viewer", "outsider"])
    def test_others_change_nothing(self, acme, staff, form, person):
        secret = acme.keep_secret()
        staff[person].post(url("crews_secret_change", secret.pk), form)
        staff[person].post(url("crews_secret_delete", secret.pk), {"post": "yes"})
        if person != "outsider":
            staff[person].post(url("crews_secret_add"), form)
        assert Secret.objects.get().sealed == secret.sealed
