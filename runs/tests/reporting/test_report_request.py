"""Calls that cannot be read, or are too much: a clear answer, and nothing half-written."""

import gzip
import json
import random

import pytest
from django.db import OperationalError

from runs.models import Run
from runs.reporting import event_applier, report_request, tool_calls, transactions
from runs.tests.reporting.test_reporting import story

BOOT = json.dumps(story()[0]).encode()
MANY = b"\n".join([BOOT] * 1001)
DEEP = b"[" * 100_000
BOMB = gzip.compress(b" " * (64 * 1024 * 1024))
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "status"),
    [
        (b"\xff\xfe", "application/x-ndjson", "", 400),
        (b"{", JSON, "", 400),
        (b'{"a": NaN}', JSON, "", 400),
        (DEEP, JSON, "", 400),
        (BOOT, "application/x-ndjson", "gzip", 400),
        (gzip.compress(BOOT)[:-4], "application/x-ndjson", "gzip", 400),
        (MANY, "application/x-ndjson", "", 413),
        (BOMB, "application/x-ndjson", "gzip", 413),
        (BOOT, "text/plain", "", 415),
        (BOOT, "application/x-ndjson; charset=latin-1", "", 415),
        (BOOT, "application/x-ndjson", "br", 415),
    ],
    ids=[
        "utf-8",
        "json",
        "nan",
        "deep",
        "gzip",
        "cut",
        "many",
        "bomb",
        "type",
        "charset",
        "brotli",
    ],
)
def test_a_call_that_cannot_be_read(program, body, content_type, encoding, status):
    response = program.post(body, content_type, HTTP_CONTENT_ENCODING=encoding)
    assert response.status_code == status, response.content
    assert response.json()["detail"]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "encoding", "detail"),
    [
        ("text/plain", "", "Send the events as application/json or application/x-ndjson."),
        (JSON, "br", "Send the body as it is or as gzip."),
        (f"{JSON}; charset=latin-1", "", "Send the events as UTF-8."),
    ],
)
def test_a_call_in_another_format_is_told_which_it_needs(program, content_type, encoding, detail):
    response = program.post(BOOT, content_type, HTTP_CONTENT_ENCODING=encoding)
    assert response.json() | {"code": "unsupported_media_type", "detail": detail} == response.json()


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (
            {"type": "done", "status": "success"},
            "status: Invalid enum value 'success'. Choose one of: succeeded, failed, cancelled.",
        ),
        (
            {"type": "boot", "crew": "c", "controls": ["stop"]},
            "controls[0]: Invalid enum value 'stop'. Choose one of: cancel, pause, message.",
        ),
    ],
)
def test_a_wrong_choice_gets_the_list_of_choices(program, event, detail):
    (rejected,) = program.send({"id": "1", "run": "r", **event})["rejected"]
    assert rejected["detail"] == detail


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"[1]", "malformed"),
        (b"{", "malformed"),
        (b"null", "malformed"),
        (b'{"a":' + b"[" * 50_000, "malformed"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","a":' + b"[" * 40 + b"]" * 40 + b"}", "malformed"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","a":"' + b"a" * 70_000 + b'"}', "event_too_large"),
        (b'{"id":"x","run":"r","type":["boot"]}', "unknown_type"),
        (b'{"id":"x","run":"r","type":"boot","crew":"no slug!"}', "invalid"),
        (b'{"id":"","run":"r","type":"boot","crew":"c"}', "invalid"),
        (b'{"run":"r","type":"boot","crew":"c"}', "invalid"),
        (b'{"id":"x","run":7,"type":"boot","crew":"c"}', "invalid"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","at":"yesterday"}', "invalid"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","at":"2026-01-01T00:00:00"}', "invalid"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","at":1e300}', "invalid"),
        (b'{"id":"x","run":"r","type":"boot","crew":"c","at":' + b"9" * 5000 + b"}", "malformed"),
    ],
    ids=range(15),
)  # fmt: skip
def test_an_event_that_cannot_be_read(program, line, code):
    answer = program.post(line + b"\n" + BOOT).json()
    assert answer["accepted"] == 1
    assert [rejected["code"] for rejected in answer["rejected"]] == [code]


def test_json_is_taken_as_a_list_and_as_one_event(program):
    assert program.post(BOOT, JSON).json()["accepted"] == 1
    rest = json.dumps(story()[1:]).encode()
    assert program.post(rest, "application/json; charset=UTF-8").json()["accepted"] == 9


@pytest.mark.parametrize(("characters", "accepted"), [(21_000, 3), (22_000, 2)])
def test_an_event_may_be_as_large_in_a_list_as_in_a_line(program, characters, accepted):
    """A character of three bytes counts as three, however it is escaped."""
    start, name = story()[:3:2], "\u6f22" * characters
    task = start[1] | {"id": "large", "task_id": "large", "name": name}
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in (*start, task))
    assert program.post(lines.encode()).json()["accepted"] == accepted
    events = [event | {"run": "other"} for event in (*start, task)]
    for text in (json.dumps(events), json.dumps(events, ensure_ascii=False)):
        answer = program.post(text.encode(), JSON).json()
        assert answer["accepted"] + answer["duplicates"] == accepted
        assert [one["code"] for one in answer["rejected"]] == ["event_too_large"] * (3 - accepted)


def test_a_call_without_events_tries_the_key(program):
    nothing = {"accepted": 0, "duplicates": 0, "rejected": []}
    assert program.post(b"").json() == program.post(b"[]", JSON).json() == nothing


def test_without_the_slash_it_is_answered_the_same(program):
    response = program.client.generic("POST", "/api/report", BOOT, content_type=JSON)
    assert response.json()["accepted"] == 1


def test_characters_that_no_database_stores(program, run_of):
    events = story()[:4]
    events[2]["name"] = "nul \0 and \ud800"
    events[3]["params"] = {"a\0": "\udfff", "b": [1e308 * 10]}
    body = "\n".join(map(json.dumps, events)).replace("Infinity", "1e999")
    assert program.post(body.encode()).json()["accepted"] == 4
    assert run_of("nightly-1").plan["tasks"][0]["name"] == "nul \ufffd and \ufffd"


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_answered(program, seed):
    chance = random.Random(seed)
    for _ in range(50):
        body = bytearray(b"\n".join(json.dumps(event).encode() for event in story()))
        for _ in range(chance.randint(1, 20)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        assert program.post(bytes(body)).status_code in (200, 400)


def test_limits_are_named(program, monkeypatch):
    monkeypatch.setattr(report_request, "RUNS_AT_MOST", 1)
    answer = program.send(*story("a")[:1], *story("b")[:1])
    assert [(r["code"], "open" in r["detail"]) for r in answer["rejected"]] == [("limit", True)]
    monkeypatch.setattr(transactions, "EVENTS_OF_RUN", 3)
    assert len(program.send(*story("a")[1:])["rejected"]) == 7


def test_busy_is_answered_with_a_short_wait(program, monkeypatch, settings):
    def fails(*args):
        raise OperationalError("locked")

    with monkeypatch.context() as patched:
        patched.setattr("crewops.api.reports.apply_events", fails)
        response = program.post(BOOT)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    settings.REPORT_CALLS_PER_MINUTE = 0
    monkeypatch.setattr("crewops.redis_rate_limit.WINDOW_S", 10**9)
    response = program.post(BOOT)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "8")


@pytest.mark.parametrize(
    ("limit", "event"),
    [
        ("AGENTS_OF_RUN", {"type": "agent_start", "agent_id": "{}"}),
        ("TASKS_OF_RUN", {"type": "task_start", "task_id": "{}", "agent_id": "a"}),
        ("OPEN_TOOLS_AT_MOST", {"type": "tool_start", "execution_id": "{}", "tool": "ls"}),
        ("OUTPUT_AT_MOST", {"type": "tool_progress", "execution_id": "x", "output": "y"}),
    ],
)
def test_what_a_run_may_hold_is_bounded(program, monkeypatch, limit, event):
    module = tool_calls if hasattr(tool_calls, limit) else event_applier
    monkeypatch.setattr(module, limit, 2)
    events = [
        {name: value.format(number) for name, value in event.items()}
        | {"run": "nightly-1", "id": f"e{number}"}
        for number in range(4)
    ]
    answer = program.send(story()[0], *events)
    assert [(r["id"], r["code"]) for r in answer["rejected"]] == [("e2", "limit"), ("e3", "limit")]
    # What was rejected may come once there is room for it: its id was not kept.
    monkeypatch.setattr(module, limit, 10)
    assert program.send(*events)["accepted"] == 2
