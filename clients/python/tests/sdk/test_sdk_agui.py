"""`crewops agui-proxy` in front of an agent that streams AG-UI: what passes, what is reported."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crewops_client.agui_exchange import NO_END
from crewops_client.agui_proxy import BODY, Proxy
from crewops_client.reporter import Reporter
from crewops_client.streams.agui import UNANSWERED, AgUi
from crewops_client.streams.sse import LIMIT, Events
from sdk.report_server import ReportServer

STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}
WAITING = {"type": "interrupt", "interrupts": [{"id": "i", "reason": "confirmation"}]}
INTERRUPTED = FINISHED | {"outcome": WAITING}
CALL = [
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "search"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"q": '},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '"x"}'},
    {"type": "TOOL_CALL_END", "toolCallId": "c"},
]
RESULT = {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "m", "content": "found"}


def mapped(*events: Any) -> list[tuple[str, dict[str, Any]]]:
    mapper = AgUi("agent", "task", "p-")
    return [each for event in events for each in mapper.feed(event)]


def sse(*events: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


class Agent(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.status = 200
        self.got: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    server: Agent

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(dict(self.headers) | {"body": body, "path": self.path})
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Own", "yes")
        self.end_headers()
        self.wfile.write(self.server.answers.pop(0))

    def do_OPTIONS(self) -> None:
        self.server.got.append(dict(self.headers) | {"method": self.command, "path": self.path})
        self.send_response(204)
        self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
        self.send_header("Access-Control-Allow-Methods", "POST, OPTIONS")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.got.append(dict(self.headers) | {"method": self.command, "path": self.path})
        self.send_response(405)
        self.end_headers()
        self.wfile.write(b"Send a POST.")

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def agent() -> Iterator[Agent]:
    with served(Agent()) as agent:
        yield agent


@pytest.fixture
def proxy(reporter: Reporter, agent: Agent) -> Iterator[Proxy]:
    to = f"http://127.0.0.1:{agent.server_port}/agent?a=1"
    with served(Proxy("127.0.0.1", 0, to, "build", "agent")) as proxy:
        yield proxy


@pytest.fixture
def ask(proxy: Proxy) -> Callable[..., tuple[int, bytes]]:
    """Sends a request through the proxy; the status and the body of the answer."""

    def ask(body: bytes | None = None, **sent: Any) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=20)
        given = json.dumps({"threadId": "t"} | sent).encode() if body is None else body
        connection.request("POST", "/", given, {"Authorization": "Bearer own"})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    return ask


def test_a_response_passes_unchanged_and_is_reported(ask, agent, server: ReportServer):
    agent.answers = [b": hello\n\n" + sse(STARTED, *CALL, RESULT, FINISHED)]
    expected = agent.answers[0]
    assert ask(b"\xff{") == (200, expected)  # whatever the request is
    (sent,) = agent.got
    assert (sent["path"], sent["Authorization"]) == ("/agent?a=1", "Bearer own")
    (done,) = server.wait_for("done")
    assert done["status"] == "succeeded"
    assert server.kinds() == [
        "boot", "agent_start", "task_start", "tool_start", "tool_progress", "tool_end",
        "task_end", "agent_end", "done",
    ]  # fmt: skip
    (start,) = server.of("tool_start")
    assert (start["tool"], start["params"], start["agent_id"]) == ("search", {"q": "x"}, "agent")
    assert server.of("boot")[0]["origin"] == "ag-ui"


HELLO = {"messageId": "m", "type": "TEXT_MESSAGE_START", "role": "assistant"}
PART = {"messageId": "m", "type": "TEXT_MESSAGE_CONTENT"}
SAID = [HELLO, PART | {"delta": "Hel"}, PART | {"delta": "lo"}, PART | {"type": "TEXT_MESSAGE_END"}]
CHUNK = {"type": "TEXT_MESSAGE_CHUNK"}
ASKED = [{"id": "u", "role": "user", "content": "Say hello"}]


@pytest.fixture
def captures(reporter: Reporter) -> None:
    reporter.settings = replace(reporter.settings, capture_text=True)


def test_texts_are_reported_where_they_are_captured(captures, ask, agent, server: ReportServer):
    chunks = [CHUNK | {"messageId": "n", "delta": "By"}, CHUNK | {"delta": "e"}]
    user = HELLO | {"messageId": "o", "role": "user"}
    agent.answers = [sse(STARTED, *SAID, *chunks, user, HELLO | {"messageId": "p"}, FINISHED)]
    ask(messages=ASKED)
    server.wait_for("done")
    first, second, third = server.of("llm_start")
    assert json.loads(first["input"]) == ASKED
    assert "input" not in second
    assert (first["agent_id"], first["model"]) == ("agent", "unknown")
    said: dict[str, str] = {}
    for each in server.of("llm_progress"):  # pieces that come close together are merged
        said[each["call_id"]] = said.get(each["call_id"], "") + each["output"]
    assert said == {first["call_id"]: "Hello", second["call_id"]: "Bye"}
    ends = [(each["call_id"], each["status"]) for each in server.of("llm_end")]
    calls = [call["call_id"] for call in (first, second, third)]
    assert ends == list(zip(calls, ["success"] * 3, strict=True))


def test_a_message_that_never_ended_ends_with_the_run(captures, ask, agent, server: ReportServer):
    agent.answers = [sse(STARTED, HELLO)]
    ask()
    server.wait_for("done")
    assert [each["status"] for each in server.of("llm_end")] == ["error"]


def test_texts_are_not_reported_where_they_are_not_captured(ask, agent, server: ReportServer):
    agent.answers = [sse(STARTED, *SAID, FINISHED)]
    ask(messages=ASKED)
    server.wait_for("done")
    assert not {"llm_start", "llm_progress", "llm_end"} & {*server.kinds()}


@pytest.mark.parametrize(
    ("events", "status", "message"),
    [
        ([STARTED, {"type": "RUN_ERROR", "message": "no"}], "failed", "no"),
        ([STARTED, FINISHED | {"outcome": {"type": "cancelled"}}], "cancelled", None),
        ([STARTED, {"type": "RUN_ERROR", "message": "a", "code": "abort"}], "cancelled", "a"),
        ([STARTED], "failed", NO_END),
    ],
)
def test_how_the_run_ends(ask, agent, server: ReportServer, events, status, message):
    agent.answers = [sse(*events)]
    ask()
    (done,) = server.wait_for("done")
    assert (done["status"], done.get("message")) == (status, message)


def test_an_interrupt_keeps_the_run_open(ask, agent, server: ReportServer):
    agent.answers = [sse(STARTED, *CALL, INTERRUPTED), sse(STARTED, RESULT, FINISHED)]
    ask()
    server.wait_for("tool_start")
    assert server.of("done") == []
    ask(resume=[{"interruptId": "i", "status": "resolved"}])
    server.wait_for("done")
    assert len(server.of("boot")) == 1
    assert server.of("tool_end")[0]["status"] == "success"


def test_an_event_that_the_mapper_cannot_read_does_no_harm(
    ask, agent, server: ReportServer, monkeypatch, caplog
):
    monkeypatch.setattr(AgUi, "_step_started", lambda self, line: 1 // 0)
    step = {"type": "STEP_STARTED"}
    agent.answers = [sse(STARTED, step, step, FINISHED)]
    expected = agent.answers[0]
    assert ask() == (200, expected)
    (done,) = server.wait_for("done")
    assert done["status"] == "succeeded"
    assert caplog.text.count("AG-UI event was not understood") == 1


def test_another_run_of_the_thread_ends_the_one_that_waits(ask, agent, server: ReportServer):
    agent.answers = [sse(STARTED, INTERRUPTED), sse(STARTED, FINISHED)]
    ask()
    ask()
    done = server.wait_for("done", 2)
    assert sorted(each["status"] for each in done) == ["cancelled", "succeeded"]


def test_an_agent_that_refuses_or_is_away(ask, agent, server: ReportServer):
    agent.status, agent.answers = 500, [b"sorry"]
    assert ask() == (500, b"sorry")
    agent.shutdown()
    agent.server_close()
    assert ask()[0] == 502
    done = server.wait_for("done", 2)
    assert [each["status"] for each in done] == ["failed", "failed"]
    assert done[0]["message"] == "The agent answered HTTP 500."


@pytest.fixture
def browse(proxy: Proxy) -> Callable[[str], http.client.HTTPResponse]:
    """Sends a request of a browser that begins no run."""

    def browse(method: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=20)
        sent = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        connection.request(method, "/", None, sent)
        return connection.getresponse()

    return browse


def test_a_preflight_is_answered_by_the_agent(browse, agent, reporter, server: ReportServer):
    answer = browse("OPTIONS")
    assert (answer.status, answer.read()) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    (sent,) = agent.got
    assert (sent["method"], sent["path"]) == ("OPTIONS", "/agent?a=1")
    assert sent["Access-Control-Request-Method"] == "POST"
    assert reporter.flush(10)
    assert server.events == []


def test_another_request_is_answered_by_the_agent(browse, agent, reporter, server: ReportServer):
    answer = browse("GET")
    assert (answer.status, answer.read()) == (405, b"Send a POST.")
    assert agent.got[0]["method"] == "GET"
    agent.shutdown()
    agent.server_close()
    assert browse("GET").status == 502
    assert reporter.flush(10)
    assert server.events == []


@pytest.mark.parametrize(("length", "status"), [(str(BODY + 1), 413), ("-1", 413), ("x", 411)])
def test_a_body_that_is_too_large_is_refused(proxy, agent, length, status):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()
    assert agent.got == []


def test_an_address_that_is_none_is_explained():
    with pytest.raises(ValueError, match="give an address"):
        Proxy("127.0.0.1", 0, "localhost:8000", "build", "agent")


def test_a_tool_without_a_result_ends_with_the_run():
    mapper = AgUi("agent", "task", "p-")
    for event in (STARTED, *CALL):
        mapper.feed(event)
    (end,) = [fields for kind, fields in mapper.close("succeeded") if kind == "tool_end"]
    assert (end["status"], end["message"]) == ("success", UNANSWERED)
    assert mapper.close("succeeded") == []


def test_chunks_are_a_call():
    chunk = {"type": "TOOL_CALL_CHUNK"}
    first = chunk | {"toolCallId": "c", "toolCallName": "search", "delta": '{"q":'}
    (start,) = mapped(first, chunk | {"delta": "1}"}, STARTED)
    assert start[1] | {"tool": "search", "params": {"q": 1}} == start[1]


def test_sub_agents_and_steps():
    sub = {"subagentRunId": "s"}
    events = mapped(
        {"type": "SUBAGENT_STARTED", "name": "Web Scout", "description": "Searches", **sub},
        {"type": "STEP_STARTED", "stepName": "look", **sub},
        {"type": "SUBAGENT_FINISHED", "outcome": {"type": "suspended"}, **sub},
        {"type": "STEP_FINISHED", "stepName": "look", **sub},
        {"type": "SUBAGENT_ERROR", "message": "no", **sub},
    )
    assert [kind for kind, _ in events] == ["agent_start", "task_start", "task_end", "agent_end"]
    started = events[0][1]
    assert (started["agent_id"], started["parent_agent_id"]) == ("web-scout", "agent")
    assert (events[1][1]["agent_id"], events[3][1]["status"]) == ("web-scout", "failed")


def test_tokens_are_those_of_the_last_event():
    usage = [{"provider": "openai", "model": "m", "inputTokens": 3, "outputTokens": 1}]
    start, end = mapped(FINISHED | {"usage": usage})
    assert (start[1]["provider"], start[1]["model"]) == ("openai", "m")
    assert (end[1]["input_tokens"], end[1]["output_tokens"]) == (3, 1)


@pytest.mark.parametrize(
    "event",
    [None, 1, "x", [], {}, {"type": 1}, {"type": "TOOL_CALL_END"}, {"type": "TOOL_CALL_ARGS"},
     {"type": "TOOL_CALL_RESULT", "content": 1}, {"type": "RUN_FINISHED", "usage": [1, {}]},
     {"type": "RUN_FINISHED", "outcome": 1}, {"type": "STEP_FINISHED"}, {"type": "CUSTOM"}],
)  # fmt: skip
def test_what_makes_no_sense_is_passed_over(event):
    assert [kind for kind, _ in mapped(event) if kind not in ("llm_start", "llm_end")] == []


def test_events_are_read_whatever_the_pieces_are():
    text = b'event: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: no\n\n' + sse({"b": 2})
    for size in (1, 7, 1000):
        events = Events()
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert [each for piece in pieces for each in events.feed(piece)] == [{"a": 1}, {"b": 2}]


def test_a_line_without_end_is_not_kept():
    events = Events()
    for _ in range(LIMIT // 65536 + 2):
        assert list(events.feed(b"x" * 65536)) == []
    assert len(events._rest) <= LIMIT


def test_an_event_of_many_lines_is_not_kept_beyond_the_limit():
    events = Events()
    for _ in range(LIMIT // 65536 + 2):
        assert list(events.feed(b"data:" + b" " * 65530 + b"\n")) == []
    assert sum(map(len, events._data)) <= LIMIT
    assert list(events.feed(b"data: 1\n\n" + sse({"b": 2}))) == [{"b": 2}]
