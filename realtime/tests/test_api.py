"""The API returns the events of the log with the same text."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from realtime import log
from realtime.log import pruning
from realtime.models import Event, Stream
from runs.models import TaskExecution, ToolExecution


@pytest.fixture
def run(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={"a": "ü"})
    tool.report(message="</script>\u2028", output="two\r\nlines")
    tool.end("success", exit_code=0)
    return run


@pytest.fixture
def page(acme, api, run):
    """Reads a page of the run's events as the viewer does."""

    def read(**query):
        response = api(acme.viewer).get(f"/api/runs/{run.pk}/events/", query)
        assert response.status_code == 200, response.content
        return response.json()

    return read


def seqs(page: dict) -> list[int]:
    return [event["seq"] for event in page["events"]]


def test_a_page_has_the_position_of_the_stream(run, page):
    stream = Stream.objects.get(name=f"run:{run.pk}")
    body = page()
    assert [event["type"] for event in body.pop("events")] == ["boot", "agent_start", "task_start"]
    assert body == {
        "stream": f"run:{run.pk}",
        "epoch": stream.epoch,
        "head": 3,
        "floor": 0,
        "reset": None,
        "next": 3,
        "closed": False,
    }


@pytest.mark.parametrize("kind", ["run", "graph"])
def test_events_are_the_texts_of_the_log(acme, api, run, kind):
    url = {"run": f"/api/runs/{run.pk}/events/", "graph": f"/api/crews/{acme.crew.pk}/events/"}
    response = api(acme.viewer).get(url[kind])
    assert response.headers["Content-Type"] == "application/json"
    name = response.json()["stream"]
    texts = Event.objects.filter(stream=name).values_list("body", flat=True)
    assert len(texts) == 3
    assert f'"events":[{",".join(texts)}]}}' in response.content.decode()


def test_pages_follow_each_other_to_the_end(run, page):
    run.finish("succeeded")
    since, seen, closed = 0, [], False
    while not closed:
        body = page(since=since, limit=2)
        seen += seqs(body)
        since, closed = body["next"], body["closed"]
    assert seen == list(range(1, body["head"] + 1))
    assert body["events"][-1]["type"] == "done"


def test_since_the_head_there_is_nothing_yet(page):
    body = page(since=3, epoch=page()["epoch"])
    assert (body["events"], body["next"], body["reset"], body["closed"]) == ([], 3, None, False)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"since": 4}, "ahead"),
        ({"since": 2**63 - 1}, "ahead"),
        ({"since": 1, "epoch": "another"}, "epoch_changed"),
    ],
)
def test_a_position_the_stream_does_not_know_begins_anew_and_says_why(page, query, reason):
    body = page(**query)
    assert (body["reset"], seqs(body), body["next"]) == (reason, [1, 2, 3], 3)


def test_what_was_pruned_is_said(page):
    assert pruning.prune(older_than=timezone.now() + timedelta(days=1))
    assert page(since=1)["reset"] == "pruned"
    body = page()  # the newest event of a stream that goes on is kept
    assert (body["reset"], body["floor"], body["next"], seqs(body)) == (None, 2, 3, [3])


def test_pruning_while_a_page_is_read_leaves_no_hole_unsaid(run, page, monkeypatch):
    position = log.position

    def prune_first(stream):
        monkeypatch.setattr(log, "position", position)
        Event.objects.filter(stream=stream, seq__lte=2).delete()
        Stream.objects.filter(name=stream).update(floor=2)
        return position(stream)

    monkeypatch.setattr(log, "position", prune_first)
    body = page(since=1)
    assert (body["reset"], seqs(body)) == ("pruned", [3])


def test_a_crew_whose_tools_never_ran_has_an_empty_stream(globex, api):
    body = api(globex.viewer).get(f"/api/crews/{globex.crew.pk}/events/").json()
    assert (body["head"], body["events"], body["closed"]) == (0, [], False)


@pytest.mark.parametrize(
    "query",
    [
        {"since": "-1"}, {"since": "x"}, {"since": "9" * 20 + "x"}, {"since": "1.0"}, {"since": "+1"},
        {"since": "1.5"}, {"limit": 0}, {"limit": 501}, {"epoch": "\x00"},
        {"epoch": "e" * 65},
    ],
)  # fmt: skip
def test_a_position_that_is_none_is_refused(acme, api, run, query):
    response = api(acme.viewer).get(f"/api/runs/{run.pk}/events/", query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] in query


@pytest.mark.parametrize("since", [2**63 - 1, 2**63, "9" * 5000])
def test_a_position_beyond_every_head_is_ahead_as_on_a_socket(acme, api, run, since):
    path = f"/api/runs/{run.pk}/events/"
    page = api(acme.viewer).get(path, {"since": since}).json()
    assert page["reset"] == "ahead"
    assert page["events"] == api(acme.viewer).get(path).json()["events"] != []


def test_an_empty_position_is_none_as_on_a_socket(acme, api, run):
    path = f"/api/runs/{run.pk}/events/"
    page = api(acme.viewer).get(path, {"since": "", "epoch": ""}).json()
    assert page == api(acme.viewer).get(path).json()
    assert api(acme.viewer).get(path, {"since": "0001"}).json()["events"] == page["events"][1:]


def test_a_page_is_valid_json_whatever_a_tool_writes(acme, api, run):
    task = TaskExecution.objects.get()
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    tool.report(output='"\\\x07\u2028\u2029]}' + "x" * 70_000)
    body = json.loads(api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/events/").content)
    assert body["events"][-1]["truncated"] is True
