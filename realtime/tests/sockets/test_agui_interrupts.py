"""Calls that wait for approval, for clients of AG-UI, on a live server."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import AuditEntry
from realtime.tests.agui import responses
from realtime.tests.sockets.agui import kinds, path_of, post, posting
from realtime.tests.sockets.event_source import reading
from realtime.tests.sockets.helpers import finish, work
from runs.models import Approval
from tests import plain_http
from tests.live import UNTIL_S, eventually

PATIENCE_S = 90.0  # Node has to start, on a busy machine

pytestmark = pytest.mark.django_db(transaction=True)


def ask(run, agent_id: str = "orion", **options) -> Approval:
    given = {"tool": "script", "params": {"code": "deploy"}, "expires_after_s": 600}
    return Approval.objects.request(id=uuid4(), run=run, agent_id=agent_id, **given | options)


def test_a_get_goes_on_while_a_call_waits(web, acme, run):
    with reading(web, path_of(run), acme.viewer) as reader:
        approval = ask(run)
        waiting = reader.until(name="crewops.approval_requested")
        assert waiting[-1]["value"]["approval_id"] == str(approval.pk)
        approval.decide("denied", by="somebody", seen=approval.seen)
        finish(run)
        found = kinds(reader.rest())
    assert (found[-1], found.count("RUN_FINISHED")) == ("RUN_FINISHED", 1)


@pytest.mark.parametrize("decision", ["approved", "denied"])
def test_a_person_decides_through_the_client(web, acme, run, decision):
    work(run, run.plan["tasks"][0])
    approval = ask(run)
    key = acme.issue_key("watch", "operate")[1]
    with posting(web, run, key) as reader:
        *before, last = [message.data for message in reader.rest()]
    assert [event["type"] for event in before].count("TOOL_CALL_RESULT") == 1
    (interrupt,) = last["outcome"]["interrupts"]
    assert interrupt["metadata"]["params"] == {"code": "deploy"}
    payload = {"approved": decision == "approved", "note": "Looked at it."}
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": payload}
    with posting(web, run, key, resume=[entry]) as reader:
        start, snapshot, *_ = reader.until(name="crewops.approval_decided")
        run.finish("succeeded")
        assert kinds(reader.rest())[-1] == "RUN_FINISHED"
    assert start["parentRunId"] == str(run.pk) != start["runId"]
    assert list(snapshot["snapshot"]["approvals"]) == [str(approval.pk)]
    approval.refresh_from_db()
    assert (approval.status, approval.note) == (decision, "Looked at it.")
    assert approval.by.startswith("API key ")
    kind = {"approved": "approval.given", "denied": "approval.denied"}[decision]
    entry_of_audit = AuditEntry.objects.get(kind=kind)
    assert (entry_of_audit.way, entry_of_audit.actor_name) == ("api", approval.by)
    with posting(web, run, key, resume=[entry]) as reader:  # a repeated request is no fault
        assert kinds(reader.rest())[-1] == "RUN_FINISHED"
    other = entry | {"payload": {"approved": decision != "approved"}}
    assert post(web, run, key, json={"resume": [other]}).status_code == 409


def test_the_client_answers_an_interrupt_of_two_calls(web, acme, run):
    approvals = [ask(run), ask(run, tool="git_clone")]
    given = {"url": f"{web.origin}{path_of(run)}", "token": acme.issue_key("watch", "operate")[1]}
    yes = {"status": "resolved", "payload": {"approved": True}}

    def both_are_approved() -> bool:
        kept = Approval.objects.unscoped().filter(pk__in=[each.pk for each in approvals])
        return set(kept.values_list("status", flat=True)) == {"approved"}

    with ThreadPoolExecutor(1) as pool:
        reads = pool.submit(responses.read, **given, answers=[yes])
        eventually(both_are_approved, PATIENCE_S)
        finish(run)
        first, second = reads.result()
    assert len(first["interrupts"]) == 2
    for result in (first, second):
        assert (result["error"], result["warnings"]) == (None, [])
    assert second["interrupts"] == []
    assert second["state"]["status"] == "succeeded"
    assert second["state"]["approvals"] == {}


def test_only_who_may_decide_decides(web, acme, globex, run):
    ask(run)
    watching = acme.issue_key("watch")[1]
    with posting(web, run, watching) as reader:
        interrupt = reader.rest()[-1].data["outcome"]["interrupts"][0]
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}
    viewer = AccessToken.for_user(acme.viewer)
    for token in (watching, viewer):
        response = post(web, run, token, json={"resume": [entry]})
        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    foreign = globex.issue_key("watch", "operate")[1]
    assert post(web, run, foreign, json={"resume": [entry]}).status_code == 404
    ours = acme.start_run()  # the same organization, another run
    operating = acme.issue_key("watch", "operate")[1]
    assert post(web, ours, operating, json={"resume": [entry]}).status_code == 404
    wrong = entry | {"interruptId": interrupt["id"].replace(interrupt["id"][37:101], "0" * 64)}
    assert post(web, run, operating, json={"resume": [wrong]}).status_code == 409
    assert Approval.objects.unscoped().get(run=run).status == "pending"


def test_who_cancels_an_interrupt_decides_nothing_and_follows_on(web, acme, run):
    approval = ask(run)
    key = acme.issue_key("watch")[1]
    with posting(web, run, key) as reader:
        interrupt = reader.rest()[-1].data["outcome"]["interrupts"][0]
    entry = {"interruptId": interrupt["id"], "status": "cancelled"}
    with posting(web, run, key, resume=[entry]) as reader:
        reader.until(type="STATE_SNAPSHOT")
        approval.refresh_from_db()
        assert approval.status == "pending"
        approval.decide("approved", by="somebody", seen=approval.seen)
        reader.until(name="crewops.approval_decided")
        another = ask(run)
        last = reader.rest()[-1].data
    assert last["outcome"]["interrupts"][0]["metadata"]["approval_id"] == str(another.pk)


def test_only_an_interrupt_of_the_run_can_be_cancelled(web, acme, run):
    """Else anybody with the link of a shared run could have it read whole, again and again."""
    run.share(True)
    known, seen = ask(run).pk, "0" * 64
    foreign = ask(acme.start_run()).pk
    for approval_id, status in ((uuid4(), 404), (foreign, 404), (known, 200)):
        entry = {"interruptId": f"{approval_id}:{seen}:1:0", "status": "cancelled"}
        with plain_http.stream(
            "POST", f"{web.origin}{path_of(run)}", json={"resume": [entry]}, timeout=UNTIL_S
        ) as response:
            assert response.status_code == status
