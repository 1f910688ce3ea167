"""Reading, setting and deleting a schedule over HTTP."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from crews.models import AuditEntry
from runs.schedules import firing
from runs.schedules.models import Schedule
from runs.schedules.tests.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(acme) -> str:
    return f"/api/crews/{acme.crew.pk}/schedule/"


def test_an_admin_sets_reads_and_deletes_it(acme, api, url):
    admin = api(acme.admin)
    assert admin.get(url).status_code == 404
    made = admin.put(url, {"expression": "0 2 * * 1-5", "zone": "Europe/Berlin"}, format="json")
    assert (made.status_code, made.headers["Location"]) == (201, f"http://testserver{url}")
    body = made.json()
    assert body == {
        "crew_id": str(acme.crew.pk),
        "expression": "0 2 * * 1-5",
        "zone": "Europe/Berlin",
        "overlap": "skip",
        "missed": "once",
        "is_enabled": True,
        "next_times": body["next_times"],
        "created_at": body["created_at"],
        "created_by": "acme-admin",
        "updated_at": body["updated_at"],
        "updated_by": "acme-admin",
        "fires": [],
    }
    assert len(body["next_times"]) == 5
    assert body["next_times"] == sorted(body["next_times"])
    assert api(acme.viewer).get(url).json() == body
    assert admin.delete(url).status_code == 204
    assert admin.get(url).status_code == 404


def test_a_program_sets_and_deletes_it_and_the_audit_trail_names_its_key(acme, globex, api, url):
    daily = {"expression": "@daily"}

    def asked(by, *scopes: str, method: str = "put"):
        client = api(None)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {by.issue_key(*scopes)[1]}")
        return getattr(client, method)(url, daily, format="json")

    made = asked(acme, "operate")
    assert (made.status_code, made.json()["created_by"]) == (201, None)
    again = asked(acme, "operate", "watch")
    assert (again.status_code, again.json()["updated_by"]) == (200, None)
    assert asked(acme, "watch").status_code == 403
    assert asked(globex, "operate", "watch").status_code == 404
    assert asked(acme, "operate", method="delete").status_code == 204
    entries = AuditEntry.objects.filter(kind__startswith="schedule.").order_by("created_at", "pk")
    assert [entry.kind for entry in entries] == ["schedule.created", "schedule.deleted"]
    assert all("API key a program" in entry.actor_name for entry in entries)


def test_a_put_replaces_it(acme, api, url):
    admin = api(acme.admin)
    first = {"expression": "@daily", "zone": "Asia/Tokyo", "overlap": "queue", "missed": "never"}
    assert admin.put(url, first | {"is_enabled": False}, format="json").status_code == 201
    assert admin.get(url).json()["next_times"] == []
    again = admin.put(url, {"expression": "@hourly"}, format="json")
    assert again.status_code == 200
    body = again.json()
    kept = [body[name] for name in ("zone", "overlap", "missed", "is_enabled")]
    assert kept == ["UTC", "skip", "once", True]
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "attr", "says"),
    [
        ({}, "expression", "required"),
        ({"expression": "0 2 * *"}, "expression", "five fields"),
        ({"expression": "0 0 30 2 *"}, "expression", "never fires"),
        ({"expression": "* * * * *"}, "expression", "every 1 min"),
        ({"expression": "0 " * 51}, "expression", "100 characters"),
        ({"expression": "@daily", "zone": "z" * 65}, "zone", "64 characters"),
        ({"expression": "@daily", "zone": "Mars"}, "zone", "no time zone Mars"),
        ({"expression": "@daily", "overlap": "both"}, "overlap", "not a valid choice"),
    ],
)
def test_bad_input_is_refused_at_its_field(acme, api, url, fields, attr, says):
    refused = api(acme.admin).put(url, fields, format="json")
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert error["attr"] == attr
    assert says in error["detail"]
    assert not Schedule.objects.exists()


def test_only_admins_change_it(acme, globex, api, url):
    for person, status in ((acme.operator, 403), (acme.viewer, 403), (globex.admin, 404)):
        assert api(person).put(url, {"expression": "@daily"}, format="json").status_code == status
        assert api(person).delete(url).status_code == status
    assert not Schedule.objects.exists()


def test_it_shows_what_came_of_the_last_times(acme, api, url, make_schedule):
    make_schedule()
    acme.crew.is_active = False
    acme.crew.save()
    firing.fire_due(NOW)
    [fire] = api(acme.viewer).get(url).json()["fires"]
    assert (fire["due_at"], fire["outcome"], fire["run_id"]) == (
        "2026-06-01T12:00:00Z", "missed", None,
    )  # fmt: skip
    assert "deactivated" in fire["detail"]


def test_changes_are_in_the_audit_trail(acme, api, url):
    admin = api(acme.admin)
    admin.put(url, {"expression": "@daily"}, format="json")
    admin.put(url, {"expression": "@hourly"}, format="json")
    admin.delete(url)
    entries = AuditEntry.objects.unscoped().filter(kind__startswith="schedule.").order_by("id")
    assert [entry.kind for entry in entries] == [
        *("schedule.created", "schedule.edited", "schedule.deleted"),
    ]
    assert {entry.actor_name for entry in entries} == {"acme-admin"}
    assert entries[1].changes == {"expression": ["@daily", "@hourly"]}
    assert entries[1].organization_id == acme.organization.pk


@pytest.mark.django_db(transaction=True)
def test_several_first_puts_at_once_make_one(acme, api, url):
    def put(hour: int) -> int:
        try:
            body = {"expression": f"0 {hour} * * *"}
            return api(acme.admin).put(url, body, format="json").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(put, range(8)))
    assert set(codes) <= {200, 201}
    assert codes.count(201) >= 1
    assert Schedule.objects.count() == 1


def test_a_put_that_finds_none_and_then_one_replaces_it(acme, api, url, make_schedule, monkeypatch):
    make_schedule()
    first = type(Schedule.objects.all()).first
    monkeypatch.setattr(
        type(Schedule.objects.all()), "first", lambda rows: monkeypatch.undo() or None
    )
    assert first is not type(Schedule.objects.all()).first
    answer = api(acme.admin).put(url, {"expression": "@daily"}, format="json")
    assert answer.status_code == 200
    assert Schedule.objects.get().expression == "@daily"
