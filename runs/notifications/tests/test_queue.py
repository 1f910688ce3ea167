"""The queue: one delivery per event and target, retries, what is not sent, several schedulers."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from crews.models import Crew
from runs.execution import reaper, retention
from runs.models import Run
from runs.notifications.delivery_thread import ATTEMPTS_PER_NOTIFICATION, FAULT, Sender, send_due
from runs.notifications.models import Attempt, Delivery, Target
from runs.notifications.retry_delays import RETRY_DELAYS_S
from tests.live import eventually

pytestmark = pytest.mark.django_db


def ends(acme, status="failed", **fields) -> Run:
    run = acme.start_run()
    run.finish(status, **fields)
    return run


def queued() -> list[str]:
    return [d.event["type"] for d in Delivery.objects.order_by("created_at", "event_id")]


def due() -> None:
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_failed_run_makes_one_delivery_for_each_target(acme, make_target):
    make_target(), make_target(name="another")
    run = ends(acme, reason="task_failed")
    run.finish("failed")
    run.save()
    assert queued() == ["run.failed"] * 2


def test_both_are_stored_or_neither(acme, make_target):
    make_target()
    run = acme.start_run()
    with pytest.raises(RuntimeError), transaction.atomic():
        run.finish("failed")
        raise RuntimeError
    assert queued() == []
    assert Run.objects.get().status == "running"


def test_the_kinds_of_ends(acme, make_target):
    make_target()
    ends(acme, "succeeded")  # the first: nothing had failed
    assert queued() == []
    ends(acme, "cancelled")
    assert queued() == []
    ends(acme, reason="worker_lost")
    assert queued() == ["run.lost"]
    ends(acme, "cancelled")  # says nothing about the crew
    ends(acme, "succeeded")
    assert queued() == ["run.lost", "run.recovered"]
    ends(acme, "succeeded")
    assert queued() == ["run.lost", "run.recovered"]


def test_the_reaper_notifies_of_a_lost_worker(acme, make_target):
    make_target()
    acme.start_run()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_run SET lease_until = '2020-01-01 00:00:00+00:00'")
    reaper.sweep()
    assert queued() == ["run.lost"]


def test_only_what_a_target_wants_and_may_see(acme, globex, make_target, superuser):
    other = Crew.objects.create(organization=acme.organization, name="Other", slug="other")
    gone = User.objects.create_user("gone")
    make_target(kinds=["run.lost"])
    make_target(crew=other)
    make_target(is_active=False)
    make_target(owner=gone)
    make_target(owner=globex.admin)
    make_target(organization=globex.organization)
    wanted = [make_target(), make_target(crew=acme.crew), make_target(owner=acme.viewer)]
    wanted.append(make_target(owner=superuser))
    ends(acme)
    assert {d.target_id for d in Delivery.objects.all()} == {target.pk for target in wanted}


def test_a_person_who_has_left_is_not_notified(acme, make_target):
    make_target(owner=acme.viewer)
    ends(acme)
    acme.organization.memberships.get(user=acme.viewer).delete()
    assert send_due() == 1
    delivery = Delivery.objects.get()
    assert delivery.status == "suppressed"
    assert "no member" in delivery.note


def test_a_person_whose_account_is_deactivated_is_not_notified(acme, make_target):
    make_target(owner=acme.viewer)
    ends(acme)
    acme.viewer.is_active = False
    acme.viewer.save()
    send_due()
    assert Delivery.objects.get().note == "The account of acme-viewer is deactivated."


def test_retries_grow_further_apart_and_end(acme, make_target, receiver, loopback):
    receiver.status = 500
    make_target(f"{receiver.origin}/")
    ends(acme)
    for number, pause in enumerate(RETRY_DELAYS_S, start=1):
        began = timezone.now()
        assert send_due() == 1
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("pending", number)
        assert pause - 2 <= (delivery.next_at - began).total_seconds() <= pause + 30
        assert send_due() == 0  # not before its time
        due()
    assert send_due() == 1
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.next_at) == ("failed", None)
    assert delivery.note == "The receiver answered 500 Internal Server Error."
    assert [t.number for t in delivery.tries.all()] == list(range(1, len(RETRY_DELAYS_S) + 2))
    receiver.status = 200
    delivery.send_again()
    assert send_due() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.note) == ("delivered", 8, "")
    ids = {request["headers"]["Webhook-Id"] for request in receiver.requests}
    assert ids == {str(delivery.pk)}  # a receiver knows a repetition by it


def test_a_receiver_that_is_gone_is_not_asked_again(acme, make_target, receiver, loopback):
    receiver.status = 410
    make_target(f"{receiver.origin}/")
    ends(acme)
    send_due()
    assert Delivery.objects.get().status == "failed"


def test_a_defect_is_noted_as_a_failed_attempt(acme, make_target, monkeypatch, caplog):
    def fail(delivery):
        raise RuntimeError("a defect")

    make_target()
    ends(acme)
    monkeypatch.setattr("runs.notifications.send_attempt.send", fail)
    assert send_due() == 1
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.failures) == ("pending", 1)
    assert delivery.note == delivery.tries.get().error == FAULT
    [text] = [text for text in caplog.messages if "could not be sent: RuntimeError" in text]
    assert "in fail" in text
    assert "a defect" not in caplog.text.replace('RuntimeError("a defect")', "")


def test_a_flood_reaches_a_target_only_up_to_the_limit(
    acme, make_target, receiver, loopback, settings
):
    settings.NOTIFICATIONS_PER_HOUR = 3
    make_target(f"{receiver.origin}/")
    for _ in range(5):
        ends(acme)
    send_due()
    assert len(receiver.requests) == 3
    assert (
        sorted(d.status for d in Delivery.objects.all()) == ["delivered"] * 3 + ["suppressed"] * 2
    )
    assert "within an hour" in Delivery.objects.filter(status="suppressed").first().note


def test_what_is_sent_again_counts_to_the_limit(acme, make_target, receiver, loopback, settings):
    settings.NOTIFICATIONS_PER_HOUR = 3
    make_target(f"{receiver.origin}/")
    ends(acme)
    for _ in range(5):
        Delivery.objects.get().send_again()
        send_due()
    assert len(receiver.requests) == 3
    assert Delivery.objects.get().status == "suppressed"


def test_what_a_dead_receiver_did_not_get_counts_for_no_limit(
    acme, make_target, receiver, loopback, settings
):
    settings.NOTIFICATIONS_PER_HOUR = 3
    make_target("http://127.0.0.1:1/")
    for _ in range(5):
        ends(acme)
    send_due()
    assert [d.status for d in Delivery.objects.all()] == ["pending"] * 5
    target = Target.objects.get()
    target.keep(f"{receiver.origin}/")
    target.save()
    due()
    send_due()
    assert len(receiver.requests) == 3


def test_attempts_that_fail_are_limited_and_lose_nothing(
    acme, make_target, receiver, loopback, settings
):
    settings.NOTIFICATIONS_PER_HOUR = 1
    make_target("http://127.0.0.1:1/")
    ends(acme)
    for _ in range(8):
        Delivery.objects.get().send_again()
        send_due()
    assert Attempt.objects.count() == ATTEMPTS_PER_NOTIFICATION
    delivery = Delivery.objects.get()
    assert delivery.status == "pending"
    assert delivery.note == "There were 5 attempts for the target in an hour."
    assert delivery.next_at > timezone.now() + timedelta(minutes=9)


def test_an_outcome_of_an_earlier_attempt_changes_nothing(acme, make_target):
    make_target()
    ends(acme)
    (stale,) = Delivery.objects.claim(1)
    due()
    (held,) = Delivery.objects.claim(1)
    stale.note_delivered(Attempt(duration_s=1))
    assert Delivery.objects.get().status == "pending"
    held.note_failed(Attempt(duration_s=1, error="no"), for_good=True)
    assert Delivery.objects.get().status == "failed"


def test_a_claim_of_a_process_that_has_ended_runs_out(acme, make_target):
    make_target()
    ends(acme)
    assert len(Delivery.objects.claim(5)) == 1
    assert Delivery.objects.claim(5) == []
    left = Delivery.objects.get().next_at - timezone.now()
    assert timedelta(seconds=60) < left <= timedelta(seconds=125)


def test_a_target_whose_key_is_lost_says_so(acme, make_target, settings):
    make_target()
    ends(acme)
    settings.SECRET_KEY = "another"
    send_due()
    delivery = Delivery.objects.get()
    assert delivery.status == "failed"
    assert "SECRETS_KEYS" in delivery.note


def test_old_deliveries_are_removed(acme, make_target, settings):
    make_target()
    ends(acme)
    Delivery.objects.claim(1)[0].note_failed(Attempt(duration_s=1, error="no"), for_good=True)
    ends(acme)
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    retention.clean()
    assert [d.status for d in Delivery.objects.all()] == ["pending"]
    Delivery.objects.update(status="failed")
    retention.clean()
    assert Delivery.objects.count() == 0
    assert Attempt.objects.count() == 0


def test_deleting_the_crew_or_the_run_leaves_nothing_in_the_way(acme, make_target):
    make_target(crew=acme.crew)
    run = ends(acme)
    run.delete()
    assert queued() == ["run.failed"]
    acme.crew.delete()
    assert queued() == []


@pytest.mark.django_db(transaction=True)
def test_a_target_that_is_deleted_while_a_run_ends_keeps_no_run_from_its_end(
    acme, make_target, receiver, loopback, api, superuser, settings, monkeypatch
):
    """The end of the run has read the targets before another transaction deletes one of them."""
    gone, other = make_target(f"{receiver.origin}/gone"), make_target(f"{receiver.origin}/other")
    ends(acme)
    read = [gone, other]
    Target.objects.get(pk=gone.pk).delete()
    assert [d.target for d in Delivery.objects.all()] == [other]  # of before: deleted with it
    monkeypatch.setattr(type(Target.objects.all()), "wanting", lambda *args: read)
    assert ends(acme).status == Run.objects.latest("created_at").status == "failed"
    orphan = Delivery.objects.get(target=gone.pk)
    again = f"/api/deliveries/{orphan.pk}/send-again/"
    assert api(superuser).post(again).status_code == 404
    assert send_due() == 2
    assert {request["path"] for request in receiver.requests} == {"/other"}
    settings.NOTIFICATIONS_RETENTION_DAYS = 0
    retention.clean()
    assert {d.target for d in Delivery.objects.all()} == {other}
    assert Delivery.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_send_each_delivery_once(acme, make_target, receiver, loopback, settings):
    settings.NOTIFICATIONS_PER_HOUR = 1_000
    make_target(f"{receiver.origin}/")
    for _ in range(20):
        ends(acme)
    senders = [Sender(), Sender()]
    for sender in senders:
        sender.start()
    eventually(lambda: Delivery.objects.filter(status="delivered").count() == 20, within_s=60)
    for sender in senders:
        sender.stop()
        sender._pool.shutdown(wait=True)
    assert len(receiver.requests) == 20
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_slow_receivers_of_one_organization_leave_room_for_another(
    acme, globex, make_target, receiver, loopback
):
    go_on = threading.Event()
    receiver.instead = lambda connection: go_on.wait(60)
    for _ in range(5):
        make_target(f"{receiver.origin}/slow")
    ends(acme)
    make_target(f"{receiver.origin}/other", organization=globex.organization)
    ends(globex)
    sender = Sender()
    try:
        assert sender.run_once() == 3  # two of the first, one of the other
        assert sender.run_once() == 0
        paths = lambda: sorted(request["path"] for request in receiver.requests)  # noqa: E731
        eventually(lambda: paths() == ["/other", "/slow", "/slow"])
    finally:
        go_on.set()
        sender.stop()
        sender._pool.shutdown(wait=True)
