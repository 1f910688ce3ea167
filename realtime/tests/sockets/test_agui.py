"""A run as events of AG-UI, on a live server: what its own client and other readers get."""

import json
from uuid import uuid4

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import Membership
from realtime.log import streams
from realtime.models import Event, Stream
from realtime.sockets.agui import BODY_BYTES
from realtime.tests.agui import responses
from realtime.tests.sockets.agui import answered, kinds, path_of, post, posting
from realtime.tests.sockets.event_source import reading, refusal
from realtime.tests.sockets.helpers import browser_of, finish, work
from realtime.tests.sockets.test_refusals import MISSING
from runs.models import TaskExecution, ToolExecution
from tests import plain_http
from tests.live import UNTIL_S, Web

LARGE = 300  # reports of 20 KB

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_client_reads_a_whole_run(web, acme, run):
    finish(run)
    key = acme.issue_key("watch")[1]
    (result,) = responses.read(url=f"{web.origin}{path_of(run)}", token=key)
    assert (result["error"], result["warnings"]) == (None, [])
    first, *_, last = result["events"]
    assert (first["type"], first["runId"]) == ("RUN_STARTED", str(run.pk))
    assert (last["type"], last["outcome"]) == ("RUN_FINISHED", {"type": "success"})
    tools = [m for m in result["messages"] if m["role"] == "tool"]
    assert [tool["content"] for tool in tools] == ["hello\n"] * len(run.plan["tasks"])
    assert result["state"]["status"] == "succeeded"


def test_a_run_is_replayed_then_followed_until_its_end(web, acme, run):
    first, *others = run.plan["tasks"]
    work(run, first)
    with reading(web, path_of(run), acme.viewer) as reader:
        headers = reader.response.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        reader.until(type="TOOL_CALL_RESULT")
        for entry in others:
            work(run, entry)
        run.finish("succeeded")
        messages = reader.rest()
    found = kinds(messages)
    assert found.count("TOOL_CALL_RESULT") == len(others)
    assert (found[-1], found.count("RUN_FINISHED")) == ("RUN_FINISHED", 1)
    assert {message.event for message in messages} == {"message"}


def test_events_of_both_streams_come_in_the_order_of_time(web, acme, run):
    finish(run)
    with reading(web, path_of(run), acme.viewer) as reader:
        found = [message.data for message in reader.rest()]
    times = [event["timestamp"] for event in found]
    assert times == sorted(times)
    open_steps, called = 0, 0
    for event in found:
        open_steps += (event["type"] == "STEP_STARTED") - (event["type"] == "STEP_FINISHED")
        if event["type"] == "TOOL_CALL_START":
            called += 1
            assert open_steps == 1
    assert called == len(run.plan["tasks"])


def test_tools_of_another_run_of_the_crew_are_not_sent(web, acme, run):
    other = acme.start_run()
    with reading(web, path_of(run), acme.viewer) as reader:
        reader.until(type="STATE_SNAPSHOT")
        finish(other)
        finish(run)
        text = json.dumps([message.data for message in reader.rest()])
    assert str(other.pk) not in text
    assert text.count('"TOOL_CALL_START"') == len(run.plan["tasks"])


def test_ids_and_messages_of_the_client_decide_nothing(web, acme, globex, run):
    foreign = globex.start_run()
    finish(run)
    given = {"threadId": str(globex.crew.pk), "runId": str(foreign.pk), "messages": [{"x": 1}]}
    with posting(web, run, acme.issue_key("watch")[1], **given, tools=[], context=[]) as reader:
        text = json.dumps([message.data for message in reader.rest()])
    assert str(run.pk) in text
    assert str(foreign.pk) not in text
    assert str(globex.crew.pk) not in text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_run_is_refused_like_a_missing_one(web, acme, globex, run, method):
    headers = {"Authorization": f"Bearer {AccessToken.for_user(globex.admin)}"}
    answers = []
    for record in (run.pk, MISSING, "no-uuid"):
        url = f"{web.origin}/agui/runs/{record}"
        response = plain_http.request(method, url, headers=headers, timeout=UNTIL_S)
        answers.append((response.status_code, response.json()))
    assert answers[0][0] == 404
    assert answers == answers[:1] * 3


def test_a_post_that_is_no_run_agent_input(web, acme, run):
    key = acme.issue_key("watch")[1]
    entry = {"interruptId": f"{uuid4()}:{'a' * 64}:1:1", "status": "resolved"}
    for body in (
        b"{", b"[]", b"\xff", b'{"resume": 1}', b"[" * 100_000,
        json.dumps({"resume": [{"interruptId": "x", "status": "resolved"}]}).encode(),
        json.dumps({"resume": [entry]}).encode(),
        json.dumps({"resume": [entry | {"payload": {"approved": "yes"}}]}).encode(),
        json.dumps({"resume": [entry | {"status": "cancelled"}] * 101}).encode(),
    ):  # fmt: skip
        response = post(web, run, key, content=body)
        assert response.status_code == 400, body[:100]
        assert response.json()["code"] == "malformed"


def test_a_body_that_is_too_large(web, acme, run):
    key = acme.issue_key("watch")[1]
    response = post(web, run, key, content=b" " * (BODY_BYTES + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    finish(run)
    assert post(web, run, key, content=b" " * (BODY_BYTES - 2) + b"{}").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS"])
def test_another_method(web, acme, run, method):
    response = plain_http.request(method, f"{web.origin}{path_of(run)}")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")


def test_a_key_that_is_revoked_ends_the_response(web, acme, run):
    key, text = acme.issue_key("watch")
    with posting(web, run, text) as reader:
        reader.until(type="STATE_SNAPSHOT")
        key.revoke()
        (end,) = reader.rest()
    assert (end.event, end.data["type"]) == ("message", "RUN_ERROR")
    assert end.data["code"] == "unauthenticated"
    assert post(web, run, text).status_code == 401


def test_a_member_who_leaves_gets_no_more(web, acme, run):
    with reading(web, path_of(run), acme.viewer) as reader:
        reader.until(type="STATE_SNAPSHOT")
        Membership.objects.filter(user=acme.viewer).delete()
        (end,) = reader.rest()
    assert end.data["code"] == "access_removed"
    assert refusal(web, path_of(run), acme.viewer) == (404, "not_found")


def test_a_page_of_another_site_gets_nothing_with_a_cookie(web, acme, run):
    _, cookie = browser_of(acme.operator)
    url = f"{web.origin}{path_of(run)}"
    for origin, status in (({"Origin": "http://elsewhere.example"}, 403), ({"Origin": "null"}, 403),
                           ({"Sec-Fetch-Site": "cross-site"}, 401)):  # fmt: skip
        response = plain_http.post(url, headers=cookie | origin, json={}, timeout=UNTIL_S)
        assert response.status_code == status, origin


def test_a_reader_that_stops_reading_misses_nothing(web, acme, run):
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    with reading(web, path_of(run), acme.viewer) as reader:
        reader.until(type="STEP_STARTED")
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        for number in range(LARGE):  # more than the buffers of the connection hold
            tool.report(output=f"{number} {'x' * 20_000}\n")
        tool.end("success", exit_code=0)
        task.finish("succeeded")
        run.finish("succeeded")
        found = [message.data for message in reader.rest()]
    outputs = [e["value"]["delta"] for e in found if e.get("name") == "crewops.tool_output"]
    assert [int(text.split()[0]) for text in outputs] == list(range(LARGE))
    assert [e["type"] for e in found].count("TOOL_CALL_RESULT") == 1
    assert found[-1]["type"] == "RUN_FINISHED"


def test_a_shared_run_is_read_by_everybody_without_the_texts_of_models(web, acme, run):
    run.share(True)
    answered(run, "Hello")
    finish(run)
    with reading(web, path_of(run), acme.viewer) as reader:
        assert "Hello" in json.dumps([message.data for message in reader.rest()])
    with reading(web, path_of(run)) as reader:
        text = json.dumps([message.data for message in reader.rest()])
    assert "Hello" not in text
    assert '"crewops.llm_end"' in text


def test_a_run_whose_events_are_all_deleted(web, acme, run):
    finish(run)
    stream = Stream.objects.get(name=streams.run(run.pk))
    Event.objects.filter(stream=stream).delete()
    Stream.objects.filter(pk=stream.pk).update(floor=stream.head)
    with reading(web, path_of(run), acme.viewer) as reader:
        (only,) = reader.rest()
    assert (only.data["type"], only.data["code"]) == ("RUN_ERROR", "pruned")


def test_a_run_whose_first_events_are_deleted_begins_with_what_is_known(web, acme, run):
    finish(run)
    stream = Stream.objects.get(name=streams.run(run.pk))
    Event.objects.filter(stream=stream, seq__lte=2).delete()
    Stream.objects.filter(pk=stream.pk).update(floor=2)
    (result,) = responses.read(url=f"{web.origin}{path_of(run)}", token=acme.issue_key("watch")[1])
    assert (result["error"], result["warnings"]) == (None, [])
    assert result["events"][0]["type"] == "RUN_STARTED"


def test_a_silent_response_sends_comments(web, acme, run):
    with reading(web, path_of(run), acme.viewer) as reader:
        raw, seen = reader.response.iter_raw(), b""
        while seen.count(b": ping\n\n") < 2:
            seen += next(raw)


def test_other_servers_of_the_application_stream_too(acme, run):
    for server in ({"daphne": True}, {"stock": True}):
        web = Web(REALTIME_HEARTBEAT_S="1", **server)
        try:
            with posting(web, run, acme.issue_key("watch")[1]) as reader:
                assert reader.until(type="STATE_SNAPSHOT")
            assert refusal(web, "/agui/runs/no-uuid", acme.viewer) == (404, "not_found")
        finally:
            web.stop()
