"""Notifications of tool calls that wait for approval, and of missed fire times of schedules."""

import json
from uuid import uuid4

import pytest

from runs.models import Approval
from runs.notifications.delivery_thread import send_due
from runs.notifications.models import Delivery
from runs.schedules.models import Schedule
from runs.schedules.tests.conftest import DUE

pytestmark = pytest.mark.django_db
SECRET = "hunter2-of-the-parameters"


def ask(acme, **fields) -> Approval:
    call = {"agent_id": "orion", "tool": "script", "params": {"code": SECRET}}
    return Approval.objects.request(
        id=uuid4(), run=acme.start_run(), expires_after_s=3600, **call | fields
    )


def owners() -> set:
    return {d.target.owner for d in Delivery.objects.select_related("target__owner")}


def test_a_call_that_waits_notifies_with_a_link_and_without_parameters(acme, make_target):
    make_target(kinds=["approval.wanted"])
    approval = ask(acme)
    event = Delivery.objects.get().event
    assert event["type"] == "approval.wanted"
    assert event["url"].endswith(f"/approvals/{approval.pk}/")
    assert "The tool script of agent orion waits" in event["text"]
    assert event["approval"] == {
        "id": str(approval.pk),
        "agent_id": "orion",
        "tool": "script",
        "expires_at": event["approval"]["expires_at"],
    }
    assert event["crew"]["name"] == acme.crew.name
    assert SECRET not in json.dumps(event)


def test_asking_again_or_deciding_notifies_of_nothing_more(acme, make_target):
    make_target(kinds=["approval.wanted"])
    approval = ask(acme)
    Approval.objects.request(
        id=approval.pk, run=approval.run, agent_id="orion", tool="script", params={},
        expires_after_s=60,
    )  # fmt: skip
    approval.decide("approved", by="somebody", seen=approval.seen)
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("admins_only", [False, True])
def test_only_people_who_may_decide_are_asked(acme, globex, make_target, superuser, admins_only):
    people = [acme.viewer, acme.operator, acme.admin, globex.admin, superuser]
    for owner in people:
        make_target(kinds=["approval.wanted"], owner=owner)
    make_target(kinds=["approval.wanted"])
    make_target(kinds=["run.failed"], name="another kind")
    ask(acme, admins_only=admins_only)
    asked = {None, acme.admin, superuser}
    assert owners() == (asked if admins_only else asked | {acme.operator})


def test_a_call_that_is_decided_before_the_message_leaves_is_not_sent(
    acme, make_target, receiver, loopback
):
    make_target(f"{receiver.origin}/", kinds=["approval.wanted"])
    approval = ask(acme)
    approval.decide("denied", by="somebody", seen=approval.seen)
    send_due()
    delivery = Delivery.objects.get()
    assert (delivery.status, receiver.requests) == ("suppressed", [])
    assert "does not wait any more" in delivery.note


def test_who_lost_the_role_is_not_asked(acme, make_target, receiver, loopback):
    make_target(f"{receiver.origin}/", kinds=["approval.wanted"], owner=acme.operator)
    ask(acme)
    membership = acme.organization.memberships.get(user=acme.operator)
    membership.role = "viewer"
    membership.save()
    send_due()
    assert "may not decide about it any more" in Delivery.objects.get().note
    assert receiver.requests == []


def test_a_call_that_waits_is_sent_up_to_the_limit_of_an_hour(
    acme, make_target, receiver, loopback, settings
):
    settings.NOTIFICATIONS_PER_HOUR = 1
    make_target(f"{receiver.origin}/", kinds=["approval.wanted"])
    ask(acme), ask(acme)
    send_due()
    assert len(receiver.requests) == 1
    statuses = Delivery.objects.order_by("created_at").values_list("status", flat=True)
    assert sorted(statuses) == ["delivered", "suppressed"]


def test_a_missed_fire_time_notifies_with_the_reason(acme, make_target):
    make_target(kinds=["schedule.missed"])
    make_target(kinds=["run.failed"], name="another kind")
    schedule = Schedule.objects.create(crew=acme.crew, expression="@hourly")
    schedule.fires.create(due_at=DUE.replace(hour=1), outcome="skipped")
    fire = schedule.fires.create(due_at=DUE, outcome="waiting")
    assert not Delivery.objects.exists()
    fire.end("missed", "The crew has no task.")
    fire.save()
    delivery = Delivery.objects.get()
    event = delivery.event
    assert event["title"] == f"Crew {acme.crew.name} was not started"
    assert "missed 2026-06-01 12:00 UTC. The crew has no task." in event["text"]
    assert event["url"].endswith(f"/crews/{acme.crew.pk}/schedule/")
