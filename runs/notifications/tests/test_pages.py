"""The pages: adding and changing a target, its log, and what no page shows."""

import json

import pytest

from conftest import Tenant
from crews.models import AuditEntry
from runs.notifications.delivery_thread import send_due
from runs.notifications.models import Delivery, Target

pytestmark = pytest.mark.django_db

ADDRESS = "https://example.com/hooks/sesame-open?token=open-sesame"


def fields(**changed) -> dict:
    values = {"organization": "acme", "whose": "organization", "name": "ops", "crew": ""}
    values |= {"service": "webhook", "address": ADDRESS, "kinds": ["run.failed"]}
    return values | changed


@pytest.fixture
def browser(client, acme: Tenant):
    client.force_login(acme.admin)
    return client


def test_a_webhook_is_added_and_its_key_shown_once(browser, acme):
    page = browser.post("/notifications/", fields()).content.decode()
    target = Target.objects.get()
    assert target.key in page
    assert "sesame" not in page
    assert (target.organization, target.owner, target.shown) == (
        acme.organization, None, "https://example.com/…",
    )  # fmt: skip
    for path in ("/notifications/", f"/notifications/{target.pk}/"):
        page = browser.get(path).content.decode()
        assert "https://example.com/…" in page
        assert target.key not in page
        assert "sesame" not in page
    assert "sesame" not in target.sealed + target.sealed_key
    assert target.address == ADDRESS


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"address": "https://10.0.0.1/sesame"}, "Write the host by its public name"),
        ({"service": "slack", "address": "file:///etc/hosts"}, "Write the address like this"),
        ({"kinds": []}, "Choose at least one."),
        ({"name": ""}, "This field is required."),
        ({"organization": "globex"}, "Choose one of your organizations."),
        ({"service": "syslog"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(browser, globex, changed, words):
    answer = browser.post("/notifications/", fields(**changed))
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert "sesame" not in answer.content.decode()
    assert not Target.objects.exists()


def test_another_organizations_crew_is_no_choice(browser, globex):
    answer = browser.post("/notifications/", fields(crew=str(globex.crew.pk)))
    assert answer.status_code == 400
    assert not Target.objects.exists()


def test_only_an_admin_sets_what_the_organization_sends(client, acme):
    client.force_login(acme.operator)
    assert client.post("/notifications/", fields()).status_code == 400
    assert client.post("/notifications/", fields(whose="me")).status_code == 200
    assert Target.objects.get().owner == acme.operator


def test_a_persons_target_is_only_theirs(client, acme, make_target):
    own = make_target(owner=acme.viewer, name="of the viewer")
    for person, status in ((acme.viewer, 200), (acme.admin, 404), (acme.operator, 404)):
        client.force_login(person)
        assert client.get(f"/notifications/{own.pk}/").status_code == status
        assert ("of the viewer" in client.get("/notifications/").content.decode()) == (
            status == 200
        )
        assert client.post(f"/notifications/{own.pk}/test/").status_code == {200: 302}.get(
            status, 404
        )
    assert Delivery.objects.count() == 1
    client.force_login(acme.viewer)
    client.post(f"/notifications/{own.pk}/delete/")
    assert not Target.objects.exists()


def test_a_target_is_changed_and_keeps_its_address(browser, make_target):
    target = make_target(ADDRESS)
    values = {"name": "night", "kinds": ["run.lost"], "crew": "", "address": "", "is_active": ""}
    values["seen"] = target.digest()
    assert browser.post(f"/notifications/{target.pk}/", values).status_code == 302
    after = Target.objects.get()
    assert (after.name, after.kinds, after.is_active) == ("night", ["run.lost"], False)
    assert (after.address, after.key) == (ADDRESS, target.new_key)
    values |= {"address": "https://example.org/", "is_active": "on", "seen": after.digest()}
    page = browser.post(f"/notifications/{target.pk}/", values).content.decode()
    after = Target.objects.get()
    assert after.address == "https://example.org/"
    assert after.key != target.new_key
    assert after.key in page


def test_the_audit_trail_names_changes_and_no_address(browser, make_target):
    browser.post("/notifications/", fields())
    target = Target.objects.get()
    values = {"name": "n", "kinds": ["run.lost"], "address": "https://example.org/other-secret"}
    values["seen"] = target.digest()
    browser.post(f"/notifications/{target.pk}/", values)
    browser.post(f"/notifications/{target.pk}/delete/")
    entries = AuditEntry.objects.filter(kind__startswith="notification.").order_by("id")
    assert [entry.kind for entry in entries] == [
        "notification.created", "notification.edited",
        "notification.addressed", "notification.deleted",
    ]  # fmt: skip
    assert {entry.actor_name for entry in entries} == {"acme-admin"}
    assert entries[1].changes["kinds"] == ["run.failed", "run.lost"]
    changes = json.dumps([entry.changes for entry in entries])
    assert "secret" not in changes
    assert "sesame" not in changes
    assert target.sealed not in changes


def test_an_operator_finds_out_why_and_sends_again(client, acme, make_target, receiver, loopback):
    receiver.status, receiver.body = 503, b"database is down"
    target = make_target(f"{receiver.origin}/")
    acme.start_run().finish("failed", reason="task_failed")
    send_due()
    client.force_login(acme.operator)
    page = client.get(f"/notifications/{target.pk}/").content.decode()
    assert "The receiver answered 503 Service Unavailable." in page
    assert "database is down" in page
    assert "Send again" in page
    assert "next try" in page
    (delivery,) = Delivery.objects.all()
    for moment in (delivery.created_at, delivery.next_at, delivery.tries.get().at):
        assert f"{moment:%H:%M:%S} UTC</time>" in page
    overview = client.get("/notifications/").content.decode()
    assert f"{delivery.created_at:%H:%M} UTC</time>" in overview
    assert "Settings" not in page
    receiver.status = 200
    delivery = Delivery.objects.get()
    client.post(f"/deliveries/{delivery.pk}/send-again/")
    send_due()
    assert "Delivered" in client.get(f"/notifications/{target.pk}/").content.decode()
    client.force_login(acme.viewer)
    assert client.post(f"/deliveries/{delivery.pk}/send-again/").status_code == 403
    assert "Send again" not in client.get(f"/notifications/{target.pk}/").content.decode()


def test_a_target_is_one_of_a_bounded_number(browser, acme, make_target, monkeypatch):
    monkeypatch.setattr("runs.notifications.models.target.TARGETS_OF_ORGANIZATION", 1)
    make_target()
    answer = browser.post("/notifications/", fields())
    assert "There are 1 targets already." in answer.content.decode()
    assert Target.objects.count() == 1


def test_what_a_program_reports_mentions_nobody(acme, make_target):
    make_target()
    acme.start_run().finish("failed", message="@everyone <!channel>\r\nBcc: a@example.com")
    text = Delivery.objects.get().event["text"]
    assert "@everyone" not in text
    assert "<!" not in text
    assert "\r" not in text
    assert "\n" not in text
    assert "a@example.com" in text


def test_the_api_adds_a_webhook_and_lists_deliveries(api, acme, receiver, loopback):
    client, base = api(acme.admin), "/api/organizations/acme/notifications/"
    body = {"name": "ops", "service": "webhook", "address": f"{receiver.origin}/sesame-open"}
    made = client.post(base, body | {"kinds": ["run.failed"]}, format="json")
    assert made.status_code == 201
    assert made.data["key"].startswith("whsec_")
    listed = client.get(base).json()["results"]
    assert [one["name"] for one in listed] == ["ops"]
    assert "key" not in listed[0]
    assert "sesame" not in json.dumps(listed)
    place = f"{base}{made.data['id']}/"
    assert client.post(f"{place}test/").status_code == 202
    send_due()
    (delivery,) = client.get(f"{place}deliveries/").json()["results"]
    assert delivery["status"] == "delivered"
    assert delivery["tries"][0]["code"] == 200
    again = f"/api/deliveries/{delivery['id']}/send-again/"
    assert api(acme.viewer).post(again).status_code == 403
    assert api(acme.operator).post(again).json()["status"] == "pending"
    assert client.delete(place).status_code == 204


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": "https://127.0.0.1/"}, "address"),
        ({"kinds": []}, "kinds"),
        ({"service": "file"}, "service"),
        ({"crew_id": "00000000-0000-4000-8000-000000000000"}, "crew_id"),
    ],
)
def test_the_api_refuses_with_the_field(api, acme, changed, field):
    body = {
        "name": "n",
        "service": "webhook",
        "address": "https://example.com/",
        "kinds": ["run.failed"],
    }
    answer = api(acme.admin).post(
        "/api/organizations/acme/notifications/", body | changed, format="json"
    )
    assert answer.status_code == 400
    assert field in answer.content.decode()
    assert not Target.objects.exists()
