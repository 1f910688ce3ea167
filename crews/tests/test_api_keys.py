"""API keys: made, shown once, used, revoked; by the API, the page, the admin and the command."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from crews.deletion import delete_organization
from crews.key_holder import KeyHolder
from crews.models import ApiKey, AuditEntry, Crew, Organization
from crews.models.api_key import LAST_USED_S, TEXT
from runs.models import Run
from tests.admin import url
from tests.plans import queries

KEYS = "/api/organizations/acme/api-keys/"


def client_of(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def kinds_of(organization) -> list[str]:
    entries = AuditEntry.objects.filter(organization_id=organization.pk, kind__startswith="api_key")
    return list(entries.order_by("id").values_list("kind", flat=True))


def test_a_key_is_random_and_stored_as_a_hash(acme):
    key, text = acme.issue_key("watch", "report")
    assert TEXT.fullmatch(text)
    assert text.startswith(key.prefix)
    row = json.dumps(list(ApiKey.objects.filter(pk=key.pk).values()), default=str)
    assert text[len(key.prefix) :] not in row
    assert key.scopes == ["report", "watch"]
    assert acme.issue_key("watch")[1] != text


@pytest.mark.parametrize("fields", [{"scopes": []}, {"scopes": ["admin"]}, {"name": ""}])
def test_what_makes_no_key(acme, fields):
    with pytest.raises(ValidationError):
        ApiKey.objects.issue(
            organization=acme.organization, **({"name": "n", "scopes": ["watch"]} | fields)
        )


def test_what_a_key_reaches(acme, globex):
    reached = {
        scope: (
            [*Crew.objects.visible_to(holder)],
            [*Crew.objects.operable_by(holder)],
            [*Crew.objects.managed_by(holder)],
        )
        for scope in ("report", "watch", "operate")
        if (holder := KeyHolder(acme.issue_key(scope)[0]))
    }
    assert reached == {
        "report": ([], [], []),
        "watch": ([acme.crew], [], []),
        "operate": ([acme.crew], [acme.crew], []),
    }


@pytest.mark.parametrize(
    "text",
    ["crewops_", "crewops_x", "crewops_" + "a" * 43, "crewops_" + "a" * 10_000, "crewops_\xff"],
)
def test_what_is_no_key_is_refused_with_a_word_on_what_to_do(acme, text):
    response = client_of(text).get("/api/crews/")
    assert response.status_code == 401
    assert response.json()["code"] == "api_key_not_valid"
    assert "Connect page" in response.json()["detail"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_missing_scope_is_named(acme):
    _, text = acme.issue_key("report", "watch")
    response = client_of(text).post(f"/api/crews/{acme.crew.pk}/runs/")
    assert response.status_code == 403
    assert "`operate`" in response.json()["detail"]
    refused = client_of(text).get("/api/organizations/acme/secrets/")
    assert "API keys cannot do this" in refused.json()["detail"]


def test_a_method_that_there_is_not_is_no_question_of_scopes(acme):
    _, text = acme.issue_key("report", "watch", "operate")
    for method, path in (("GET", "/api/report/"), ("DELETE", "/api/crews/")):
        response = client_of(text).generic(method, path)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_an_expired_key_is_refused(acme):
    key, text = acme.issue_key("watch", expires_at=timezone.now() + timedelta(days=1))
    assert client_of(text).get("/api/crews/").status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert client_of(text).get("/api/crews/").status_code == 401
    key.refresh_from_db()
    assert key.state == "expired"


def test_last_use_is_written_once_a_minute(acme):
    key, text = acme.issue_key("watch")
    client = client_of(text)
    client.get("/api/crews/")
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    with queries() as asked:
        client.get("/api/crews/")
    assert not any(sql.startswith("UPDATE") for sql, _ in asked.asked)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=LAST_USED_S + 1))
    client.get("/api/crews/")
    key.refresh_from_db()
    assert key.last_used_at > first


def test_a_key_starts_a_run_once_for_each_idempotency_key(acme, globex, worker_alive):
    _, text = acme.issue_key("operate")
    _, other = globex.issue_key("operate")
    path, same = f"/api/crews/{acme.crew.pk}/runs/", {"HTTP_IDEMPOTENCY_KEY": "nightly"}
    first = client_of(text).post(path, **same).json()
    assert client_of(text).post(path, **same).json()["id"] == first["id"]
    # Another organization's key may have the same word: it is another asker's.
    elsewhere = client_of(other).post(f"/api/crews/{globex.crew.pk}/runs/", **same)
    assert elsewhere.status_code == 201
    assert Run.objects.count() == 2
    assert first["started_by"] is None
    entry = AuditEntry.objects.get(kind="run.started", organization_id=acme.organization.pk)
    assert (entry.actor_id, entry.actor_name) == (None, f"API key a program ({text[:14]})")
    assert entry.way == "api"


def test_the_api_makes_lists_and_revokes(acme, api):
    client = api(acme.admin)
    made = client.post(KEYS, {"name": "ci", "scopes": ["watch"], "days": 7}, format="json").json()
    text = made["key"]
    assert client_of(text).get("/api/crews/").status_code == 200
    (listed,) = client.get(KEYS).json()["results"]
    assert "key" not in listed
    assert (listed["prefix"], listed["created_by"]) == (text[:14], acme.admin.username)
    assert listed["last_used_at"]
    assert client.delete(f"{KEYS}{made['id']}/").status_code == 204
    assert client.delete(f"{KEYS}{made['id']}/").status_code == 204
    assert client_of(text).get("/api/crews/").status_code == 401
    assert client.get(f"{KEYS}{made['id']}/").json()["state"] == "revoked"
    assert kinds_of(acme.organization) == ["api_key.issued", "api_key.revoked"]
    assert text not in json.dumps([*AuditEntry.objects.values("changes", "object_name")])


@pytest.mark.parametrize(
    "body", [{}, {"name": "n", "scopes": ["x"]}, {"name": "n", "scopes": ["watch"], "days": 0}]
)
def test_the_api_says_what_is_wrong_with_a_key(acme, api, body):
    assert api(acme.admin).post(KEYS, body, format="json").status_code == 400
    assert not ApiKey.objects.exists()


def test_the_page_shows_a_key_once(acme, client):
    client.force_login(acme.admin)
    form = {"organization": "acme", "name": "ci", "scopes": ["report", "watch"], "days": "30"}
    response = client.post("/connect/", form)
    (text,) = {*TEXT.findall(response.content.decode())}
    assert "no-store" in response.headers["Cache-Control"]
    assert client_of(text).get("/api/crews/").status_code == 200
    again = client.get("/connect/").content.decode()
    assert not TEXT.findall(again)
    assert text[:14] in again
    key = ApiKey.objects.get()
    assert (key.created_by, key.scopes) == (acme.admin, ["report", "watch"])
    for moment in (key.expires_at, key.last_used_at):
        assert f"{moment:%H:%M} UTC</time>" in again
    client.post(f"/connect/{key.pk}/revoke/")
    assert client_of(text).get("/api/crews/").status_code == 401
    assert "Revoked" in client.get("/connect/").content.decode()


def test_the_page_has_the_lines_to_paste_also_without_a_new_key(acme, client):
    client.force_login(acme.viewer)
    page = client.get("/connect/").content.decode()
    assert "CREWOPS_API_KEY=crewops_..." in page
    assert "pip install ./clients/python" in page
    client.force_login(acme.admin)
    form = {"organization": "acme", "name": "ci", "scopes": ["report"]}
    page = client.post("/connect/", form).content.decode()
    (text,) = {*TEXT.findall(page)}
    assert f"CREWOPS_API_KEY={text}" in page
    assert "crewops_..." not in page


def test_the_page_receives_the_first_run_of_a_key(acme, client):
    client.force_login(acme.admin)
    key, _ = acme.issue_key("operate")
    assert client.get(f"/connect/{key.pk}/first-run/").json() == {"key": str(key.pk)}
    run = Run.objects.request(crew=acme.crew, api_key=key)
    Run.objects.request(crew=acme.crew, api_key=key)
    answer = client.get(f"/connect/{key.pk}/first-run/").json()
    assert answer == {
        "key": str(key.pk),
        "crew": acme.crew.name,
        "url": run.get_absolute_url(),
    }


def test_nobody_makes_a_key_of_another_organization(acme, globex, client):
    client.force_login(acme.admin)
    form = {"organization": "globex", "name": "ci", "scopes": ["watch"]}
    response = client.post("/connect/", form)
    assert response.status_code == 400
    assert "that you manage" in response.content.decode()
    assert not ApiKey.objects.exists()


def test_admins_alone_see_that_there_are_keys(acme):
    key, _ = acme.issue_key("watch")
    assert [*ApiKey.objects.visible_to(acme.admin)] == [key]
    assert not ApiKey.objects.visible_to(acme.operator).exists()


def test_the_admin_revokes(acme, client):
    key, text = acme.issue_key("watch")
    acme.admin.is_staff = True
    acme.admin.save()
    client.force_login(acme.admin)
    listed = url("crews_apikey_changelist")
    form = {"action": "revoke_keys", "_selected_action": [str(key.pk)]}
    assert client.post(listed, form).status_code == 302
    assert client_of(text).get("/api/crews/").status_code == 401


def test_the_command_prints_a_key(acme):
    printed = StringIO()
    call_command("issue_api_key", "acme", "--days", "3", stdout=printed)
    text = printed.getvalue().strip()
    assert client_of(text).get("/api/crews/").status_code == 200
    key = ApiKey.objects.get()
    assert key.scopes == ["report", "watch"]
    assert timedelta(days=2.9) < key.expires_at - timezone.now() <= timedelta(days=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["acmee"], "There are: acme"),
        (["acme", "--scopes", "watch,all"], "'all' is no scope"),
        (["acme", "--days", "0"], "from 1 to"),
    ],
)
def test_the_command_says_what_is_wrong(acme, arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("issue_api_key", *arguments)
    assert not ApiKey.objects.exists()


def test_a_deleted_organization_gets_no_key_and_its_keys_open_nothing(acme, globex):
    delete_organization(acme.organization)
    deleted = Organization.objects.get(pk=acme.organization.pk)
    with pytest.raises(CommandError, match=r"There are: globex\.$"):
        call_command("issue_api_key", deleted.slug)
    client = client_of(acme.issue_key("report", "watch")[1])
    event = {"id": "1", "run": "r", "type": "boot", "crew": "another"}
    assert client.post("/api/report/", [event], format="json").status_code == 401
    assert client.get("/api/crews/").status_code == 401
