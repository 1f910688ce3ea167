"""Approvals: the model, the API and the pages. For the worker see `test_gate`."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from crews.models import AuditEntry
from crews.tracking import InvalidState
from realtime.models import Event
from runs.execution import reaper
from runs.models import Approval, Run
from runs.models.approval_queryset import digest_of
from runs.tests.scene import client_of, get, work

CODE = {"interpreter": "bash", "code": "make deploy"}


def ask(run: Run, **fields) -> Approval:
    call = {"agent_id": "orion", "tool": "script", "params": CODE, "expires_after_s": 60}
    return Approval.objects.request(run=run, **{"id": uuid4()} | call | fields)


@pytest.fixture
def approval(acme) -> Approval:
    run = acme.start_run()
    work(run)
    return ask(run)


def types(run: Run) -> list[str]:
    events = Event.objects.filter(stream=f"run:{run.pk}").order_by("seq")
    return list(events.values_list("type", flat=True))


def decision_of(approval: Approval, **fields) -> dict[str, str]:
    return {"decision": "approve", "seen": approval.seen} | fields


def late(approval: Approval) -> Approval:
    """Two minutes later."""
    approval.expires_at = timezone.now() - timedelta(minutes=1)
    approval.save(update_fields=["expires_at"])
    return approval


def test_the_first_decision_stays(approval):
    approval.decide("approved", by="one", seen=approval.seen)
    again = Approval.objects.get(pk=approval.pk)
    with pytest.raises(InvalidState, match="approved by one"):
        again.decide("denied", by="another", seen=approval.seen)
    again.expire()
    assert Approval.objects.get().status == "approved"
    assert types(approval.run).count("approval_decided") == 1


def test_one_that_cannot_be_ended_keeps_no_other_from_its_end(acme, monkeypatch, caplog):
    poisoned, deleted, good = (late(ask(acme.start_run())) for _ in range(3))
    expire = Approval.expire

    def fail(approval: Approval, *args, **kwargs) -> None:
        if approval.pk == poisoned.pk:
            raise ValueError("poison")
        if approval.pk == deleted.pk:
            approval.run.delete()
        expire(approval, *args, **kwargs)

    monkeypatch.setattr(Approval, "expire", fail)
    assert Approval.objects.expire_due() == 1
    assert Approval.objects.get(pk=good.pk).status == "expired"
    assert f"Approval {poisoned.pk} could not be ended" in caplog.text
    assert str(deleted.pk) not in caplog.text


def test_nobody_decides_late_and_the_reaper_denies(approval):
    with pytest.raises(InvalidState, match="expired"):
        late(approval).decide("approved", by="one", seen=approval.seen)
    assert Approval.objects.get().status == "expired"
    another = late(ask(approval.run))
    reaper.sweep()
    another.refresh_from_db()
    assert another.status == "expired"


def test_the_end_of_the_run_ends_what_waits_before_done(approval):
    approval.run.finish("failed", reason="task_failed")
    assert Approval.objects.get().status == "expired"
    assert types(approval.run)[-2:] == ["approval_decided", "done"]
    with pytest.raises(InvalidState):
        ask(Run.objects.get())


def test_the_crew_counts_what_waits_and_says_so(acme, approval):
    acme.crew.refresh_from_db()
    assert acme.crew.approvals_pending == 1
    mission = Event.objects.filter(stream=f"mission:{acme.crew.pk}").order_by("seq")
    assert '"approvals":1' in mission.last().body
    assert client_of(acme.viewer).get("/approvals/pending/").json() == {"pending": 1}
    approval.decide("denied", by="one", seen=approval.seen)
    assert '"approvals"' not in mission.last().body  # none


def test_the_api_lists_and_decides(api, acme, approval):
    client = api(acme.operator)
    found = client.get("/api/approvals/?status=pending").json()["results"]
    assert [one["approval_id"] for one in found] == [str(approval.pk)]
    assert found[0]["params"] == CODE
    body = decision_of(approval, decision="deny", note="not now")
    answer = client.post(f"/api/approvals/{approval.pk}/", body, format="json")
    assert (answer.status_code, answer.json()["status"]) == (200, "denied")
    assert (answer.json()["by"], answer.json()["note"]) == ("acme-operator", "not now")
    entry = AuditEntry.objects.get(kind="approval.denied")
    assert (entry.actor_name, entry.changes["note"]) == ("acme-operator", [None, "not now"])
    assert client.get("/api/approvals/?status=pending").json()["results"] == []


def test_a_second_decision_and_a_stale_page_are_conflicts(api, acme, approval):
    client, url = api(acme.operator), f"/api/approvals/{approval.pk}/"
    stale = client.post(url, decision_of(approval, seen="0" * 64), format="json")
    assert (stale.status_code, Approval.objects.get().status) == (409, "pending")
    assert client.post(url, decision_of(approval), format="json").status_code == 200
    second = api(acme.admin).post(url, decision_of(approval, decision="deny"), format="json")
    assert second.status_code == 409
    assert "approved by acme-operator" in second.json()["detail"]
    assert Approval.objects.get().status == "approved"


def test_after_it_has_expired_a_decision_is_a_conflict(api, acme, approval):
    late(approval)
    url = f"/api/approvals/{approval.pk}/"
    answer = api(acme.operator).post(url, decision_of(approval), format="json")
    assert answer.status_code == 409
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/approvals/{}/", "/approvals/{}/"])
def test_an_operator_does_not_decide_what_is_for_admins(api, acme, path):
    approval = ask(acme.start_run(), admins_only=True)
    client, form = (api, {"format": "json"}) if path.startswith("/api") else (client_of, {})
    url, body = path.format(approval.pk), decision_of(approval)
    assert client(acme.operator).post(url, body, **form).status_code == 403
    assert client(acme.admin).post(url, body, **form).status_code in (200, 302)
    assert Approval.objects.get().by == "acme-admin"


def test_a_key_that_may_operate_decides(api, acme, approval):
    _, text = acme.issue_key("operate", name="a bot")
    client = api(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    url = f"/api/approvals/{approval.pk}/"
    assert client.post(url, decision_of(approval), format="json").status_code == 200
    assert Approval.objects.get().by.startswith("API key a bot")


def test_the_page_shows_the_whole_call_and_decides(acme, approval):
    shown = get(acme.operator, "/approvals/").content.decode()
    assert "make deploy" in shown
    assert approval.seen in shown
    body = decision_of(approval, note="fine", back="crew=&status=pending")
    answer = client_of(acme.operator).post(f"/approvals/{approval.pk}/", body)
    assert answer.headers["Location"] == "/approvals/?crew=&status=pending"
    assert (Approval.objects.get().status, Approval.objects.get().note) == ("approved", "fine")
    assert "Nothing waits" in get(acme.operator, "/approvals/").content.decode()
    assert (
        "Approved by <bdi>acme-operator</bdi>"
        in get(acme.viewer, f"/approvals/{approval.pk}/").content.decode()
    )


def test_a_viewer_sees_the_call_without_buttons(acme, approval):
    shown = get(acme.viewer, "/approvals/").content.decode()
    assert "make deploy" in shown
    assert 'value="approve"' not in shown


def test_a_long_call_is_shown_whole_where_it_is_decided(acme):
    approval = ask(acme.start_run(), params={"code": "x" * 5_000 + " the end"})
    shown = get(acme.operator, "/approvals/").content.decode()
    assert "the end" not in shown
    assert 'value="approve"' not in shown
    shown = get(acme.operator, f"/approvals/{approval.pk}/").content.decode()
    assert "the end" in shown
    assert 'value="approve"' in shown


def test_a_refused_decision_says_why_on_the_page(acme, approval):
    client = client_of(acme.operator)
    answer = client.post(
        f"/approvals/{approval.pk}/", decision_of(approval, seen="old"), follow=True
    )
    assert "not what you were shown" in answer.content.decode()
    assert Approval.objects.get().status == "pending"


@pytest.mark.parametrize("path", ["/approvals/", "/approvals/{}/"])
def test_characters_that_nobody_sees_are_shown_as_escapes(acme, path):
    unseen = "a\u202eb\u200bc\u3164d\ufe0fe\rf\U000e0041 é\n\tg"
    approval = ask(acme.start_run(), tool="t\u202e", params={"n\u202e": unseen, "list": ["\u2066"]})
    shown = get(acme.operator, path.format(approval.pk)).content.decode()
    assert "<pre>a\\u202eb\\u200bc\\u3164d\\ufe0fe\\u000df\\U000e0041 é\n\tg</pre>" in shown
    assert "<code>t\\u202e</code>" in shown
    assert "<code>n\\u202e</code>" in shown
    assert "\\u2066" in shown
    assert not {*"\u202e\u200b\u3164\u2066"} & {*shown}


def test_the_summary_of_a_long_call_shows_escapes_too(acme):
    ask(acme.start_run(), params={"code": "\u202e" + "x" * 5_000})
    assert "\\u202exxx" in get(acme.operator, "/approvals/").content.decode()


def test_calls_that_are_shown_alike_have_different_digests(acme):
    run, id = acme.start_run(), uuid4()
    shown = {"password": "[redacted]"}
    one = digest_of(id, ["orion", "script", shown, {"password": "one"}])
    other = digest_of(id, ["orion", "script", shown, {"password": "other"}])
    assert len({one, other}) == 2
    asked = ask(run, id=id, params=shown, unredacted={"password": "one"})
    assert (asked.seen, len(asked.seen)) == (
        digest_of(id, ["orion", "script", shown, {"password": "one"}]), 64,
    )  # fmt: skip
    with pytest.raises(InvalidState, match="not what you were shown"):
        asked.decide("approved", by="one", seen=other)


def test_a_digest_does_not_confirm_a_guess(acme, settings):
    run = acme.start_run()
    one, again = (ask(run, unredacted={"password": "canary"}) for _ in range(2))
    assert one.seen != again.seen
    call = ["orion", "script", CODE, {"password": "canary"}]
    assert digest_of(one.pk, call) == one.seen
    settings.SECRET_KEY = "another"
    assert digest_of(one.pk, call) != one.seen


def test_the_run_page_shows_what_waits_and_who_decided(acme, approval):
    page = get(acme.operator, f"/runs/{approval.run_id}/").content.decode()
    assert "Waiting for approval." in page
    assert "waits for approval of script" in page
    approval.decide("denied", by="somebody", seen=approval.seen, note="no")
    page = get(acme.operator, f"/runs/{approval.run_id}/").content.decode()
    assert "Denied by somebody: no" in page


def test_the_crew_page_shows_who_waits(acme, approval):
    card = get(acme.operator, f"/crews/{acme.crew.pk}/").content.decode()
    assert 'data-agent="orion" data-state="waiting"' in card
