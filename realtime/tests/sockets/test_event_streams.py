"""The streams as Server-Sent Events: what a reader gets, on a live server."""

import json
import subprocess

import pytest

from realtime.log import streams
from realtime.models import Event, Stream
from realtime.tests.sockets.event_source import reading
from realtime.tests.sockets.helpers import browser_of, finish, work

pytestmark = pytest.mark.django_db(transaction=True)


def epoch_of(stream: str) -> str:
    return Stream.objects.get(name=stream).epoch


def test_a_run_is_replayed_followed_and_ended(web, acme, run):
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
        headers = reader.response.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Transfer-Encoding"] == "chunked"
        assert headers["X-Request-ID"]
        hello, boot = reader.message(), reader.message()
        assert (hello.data["type"], hello.last_id) == ("hello", "")
        assert boot.data["type"] == "boot"
        finish(run)
        *events, end = reader.rest()
    events.insert(0, boot)
    epoch = epoch_of(f"run:{run.pk}")
    assert [event.last_id for event in events] == [f"{epoch}:{n}" for n in range(1, 11)]
    logged = Event.objects.filter(stream=f"run:{run.pk}").order_by("seq")
    assert [event.data for event in events] == [json.loads(e.body) for e in logged]
    assert {event.event for event in events} == {"message"}
    assert end.event == "close"
    assert end.data == {"type": "close", "code": 1000, "reason": "The run is complete."}


def test_after_the_end_there_is_no_content_so_a_browser_stops(web, acme, run):
    finish(run)
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
        assert [m.data["type"] for m in reader.rest()[-2:]] == ["done", "close"]
        last = reader.last_id
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer, Last_Event_ID=last) as reader:
        assert reader.response.status_code == 204
        assert reader.response.read() == b""


@pytest.mark.parametrize("way", ["header", "query"])
def test_resuming_sends_only_what_is_missing(web, acme, run, way):
    finish(run)
    position = f"{epoch_of(f'run:{run.pk}')}:7"
    query = f"?last_event_id={position}" if way == "query" else ""
    headers = {"Last_Event_ID": position} if way == "header" else {}
    with reading(web, f"/sse/runs/{run.pk}{query}", acme.viewer, **headers) as reader:
        seqs = [m.data["seq"] for m in reader.rest() if "seq" in m.data]
    assert seqs == [8, 9, 10]


@pytest.mark.parametrize(
    ("position", "reason"), [("other:7", "epoch_changed"), (":99999999999999999999", "ahead")]
)
def test_a_position_that_is_unknown_is_reset(web, acme, run, position, reason):
    finish(run)
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer, Last_Event_ID=position) as reader:
        frames = [message.data for message in reader.rest()]
    assert frames[1] | {"type": "reset", "reason": reason} == frames[1]
    assert [f["seq"] for f in frames if "seq" in f] == list(range(1, 11))


def test_a_run_without_any_event_left_is_asked_for_only_once_more(web, acme, run):
    finish(run)
    stream = Stream.objects.get(name=streams.run(run.pk))
    Event.objects.filter(stream=stream).delete()
    Stream.objects.filter(pk=stream.pk).update(floor=stream.head)
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
        assert [m.data["type"] for m in reader.rest()] == ["hello", "reset", "close"]
        last = reader.last_id
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer, Last_Event_ID=last) as reader:
        assert reader.response.status_code == 204


def test_a_graph_begins_with_a_snapshot_and_resumes_without(web, acme, run):
    path = f"/sse/graph/{acme.crew.pk}"
    with reading(web, path, acme.viewer) as reader:
        assert reader.until(type="snapshot")[0]["type"] == "hello"
        work(run, run.plan["tasks"][0])
        reader.until(type="tool_progress")
        last = reader.last_id
    with reading(web, path, acme.viewer, Last_Event_ID=last) as reader:
        assert [f["type"] for f in reader.until(type="tool_end")] == ["hello", "tool_end"]


def test_the_mission_has_no_ids_and_begins_with_each_crews_status(web, acme, run):
    for position in ("", "other:7"):
        with reading(web, "/sse/mission", acme.viewer, Last_Event_ID=position) as reader:
            frames = reader.until(type="signal")
            assert [frame["type"] for frame in frames] == ["hello", "signal"]
            assert frames[-1]["payload"]["status"] == "busy"
            assert reader.last_id == ""


def test_a_silent_stream_sends_a_comment_now_and_then(web, acme, run):
    with reading(web, f"/sse/graph/{acme.crew.pk}", acme.viewer) as reader:
        raw = reader.response.iter_raw()  # the heartbeat of this server is a second
        seen = b""
        while b": ping\n\n" not in seen:
            seen += next(raw)


def test_curl_reads_a_run_with_an_api_key(web, acme, run):
    finish(run)
    key = acme.issue_key("watch")[1]
    said = subprocess.run(
        ["curl", "-sN", "-H", f"Authorization: Bearer {key}", f"{web.origin}/sse/runs/{run.pk}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    data = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: ")]
    assert [d["seq"] for d in data if "seq" in d] == list(range(1, 11))
    assert said.endswith("\n\n")


def test_a_page_of_ours_reads_with_its_session(web, acme, run):
    _, cookie = browser_of(acme.viewer)
    for fetch_site in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}):
        with reading(web, f"/sse/runs/{run.pk}", **cookie, **fetch_site) as reader:
            assert reader.message().data["type"] == "hello"


def test_a_shared_run_is_read_by_everybody(web, acme, run):
    run.share(True)
    with reading(web, f"/sse/runs/{run.pk}") as reader:
        assert reader.until(type="boot")
        run.share(False)
        assert reader.rest()[-1].data["code"] == 4403
