"""The terminal client against a server that plays a part, and what its views draw."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from websockets.sync.server import ServerConnection, serve

from realtime.terminal import client as client_module
from realtime.terminal.client import Client, Refused
from realtime.terminal.graph_view import GraphView
from realtime.terminal.mission_view import MissionView
from realtime.terminal.run_view import RunView

AT = "2026-01-01T12:00:0{}.000000Z"
Scene = Callable[[ServerConnection], None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(client_module, "OVERLOAD_PAUSE_S", 0.01)
    monkeypatch.setattr(client_module, "RESTART_SPREAD_S", 0.01)


def hello(epoch: str = "e") -> dict:
    return {"type": "hello", "stream": "run:r", "epoch": epoch, "head": 9, "heartbeat_s": 45}


def event(seq: int) -> dict:
    return {"type": "task_start", "seq": seq, "run_id": "r", "crew_id": "c"}


def say(*frames: dict, close: int = 1000) -> Scene:
    """A connection that sends the frames and closes with that code."""

    def scene(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(json.dumps(frame))
        connection.close(close)

    return scene


class Stage:
    """A server that plays one scene a connection and notes what was asked."""

    def __init__(self, scenes: list[Scene]) -> None:
        self.scenes = scenes
        self.paths: list[str] = []
        self.tokens: list[str] = []

    def play(self, connection: ServerConnection) -> None:
        offered = connection.request.headers["Sec-WebSocket-Protocol"].split(", ")
        self.paths.append(connection.request.path)
        self.tokens.append(offered[1])
        self.scenes.pop(0)(connection)


@contextmanager
def server(*scenes: Scene) -> Iterator[tuple[str, Stage]]:
    stage = Stage(list(scenes))
    with serve(stage.play, "127.0.0.1", 0, subprotocols=["token"]) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/ws/runs/r", stage
        running.shutdown()
        thread.join()


def tokens() -> Callable[[], str]:
    numbers = iter("123456789")
    return lambda: f"token-{next(numbers)}"


def seqs(client: Client) -> list[int]:
    frames = [json.loads(text) for text in client.frames()]
    return [frame["seq"] for frame in frames if "seq" in frame]


# -- The client -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1011, 1012, 4408, 4429, 4500])
def test_a_lost_connection_is_resumed_without_hole_or_duplicate(code):
    first = say(hello(), event(1), event(2), close=code)
    with server(first, say(hello(), event(2), event(3))) as (url, stage):
        notes = []
        assert seqs(Client(url, token=tokens(), note=notes.append)) == [1, 2, 3]
    assert stage.paths == ["/ws/runs/r", "/ws/runs/r?since=2&epoch=e"]
    assert notes[0].startswith(f"Connection lost ({code})")


def test_a_connection_that_breaks_off_is_resumed():
    def broken(connection: ServerConnection) -> None:
        connection.send(json.dumps(hello()))
        connection.send(json.dumps(event(1)))
        connection.close_socket()

    with server(broken, say(hello(), event(2))) as (url, _):
        assert seqs(Client(url, token=tokens())) == [1, 2]


def test_a_reset_forgets_the_position():
    first = say(hello(), event(7), close=1012)
    reset = {"type": "reset", "stream": "run:r", "reason": "epoch_changed", "epoch": "f", "head": 1}
    second = say(hello("f"), reset, event(1), close=1012)
    with server(first, second, say(hello("f"), event(2))) as (url, stage):
        assert seqs(Client(url, token=tokens())) == [7, 1, 2]
    assert stage.paths[2] == "/ws/runs/r?since=1&epoch=f"


def test_since_is_asked_for_and_what_came_before_is_not_told():
    with server(say(hello(), event(3), event(4))) as (url, stage):
        assert seqs(Client(url, token=tokens(), since=3)) == [4]
    assert stage.paths == ["/ws/runs/r?since=3"]


def test_a_token_that_ran_out_is_replaced_once():
    expired = say(hello(), event(1), close=4401)
    with server(expired, say(hello(), event(2))) as (url, stage):
        assert seqs(Client(url, token=tokens())) == [1, 2]
    assert stage.tokens == ["token-1", "token-2"]
    with (
        server(expired, say(close=4401)) as (url, stage),
        pytest.raises(Refused, match="did not accept the token") as refused,
    ):
        seqs(Client(url, token=tokens()))
    assert refused.value.code == 4401
    assert len(stage.tokens) == 2


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404])
def test_a_refusal_is_final(code):
    with (
        server(say(close=code)) as (url, stage),
        pytest.raises(Refused, match=f"Closed with {code}") as refused,
    ):
        seqs(Client(url, token=tokens()))
    assert refused.value.code == code
    assert len(stage.paths) == 1


# -- The views ------------------------------------------------------------------------------------


def drawn(view: RunView | GraphView | MissionView) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view.render())
    return console.file.getvalue()


def tool(kind: str, second: int, **fields: object) -> dict:
    of = {"run_id": "r", "crew_id": "c", "agent_id": "orion", "execution_id": "x", "tool": "pytest"}
    return {"type": f"tool_{kind}", "seq": second, "timestamp": AT.format(second)} | of | fields


def told(kind: str, second: int, **fields: object) -> dict:
    of = {"run_id": "r", "crew_id": "c", "seq": second, "timestamp": AT.format(second)}
    return {"type": kind} | of | fields


BOOT = told(
    "boot",
    0,
    crew="Release",
    agents=[{"agent_id": "orion", "name": "Orion", "role": "Scout"}],
    tasks=[
        {"task_id": "1", "name": "Fetch", "agent_id": "orion"},
        {"task_id": "2", "name": "Test", "agent_id": "orion"},
    ],
)


def test_the_run_view_puts_each_tool_under_the_task_it_was_called_in():
    view = RunView()
    view.feed(BOOT)
    assert view.tools_of == "c"
    assert "· Fetch" in drawn(view)
    view.feed(told("agent_start", 1, agent_id="orion"))
    view.feed(told("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    # The two sockets are not in step: a tool can be heard of before its task.
    view.feed(tool("start", 3, params={}))
    view.feed(tool("progress", 4, message="3 of 9\x1b[2J tests", progress=0.3))
    view.feed(
        told("task_end", 2, task_id="1", agent_id="orion", status="succeeded", duration_s=1.0)
    )
    view.feed(told("task_start", 3, task_id="2", name="Test", agent_id="orion"))
    text = drawn(view)
    assert text.index("✓ Fetch 1.0 s") < text.index("Test") < text.index("pytest")
    assert "3 of 9 [2J tests" in text
    view.feed(tool("end", 5, status="completed_with_errors", duration_s=2.0, exit_code=1))
    view.feed(told("error", 5, message="Some tests failed.", reason="tool_failed"))
    view.feed(told("done", 6, status="failed", duration_s=5.0, reason="task_failed"))
    text = drawn(view)
    assert "✗ pytest 2.0 s" in text
    assert "✗ Some tests failed." in text
    assert "failed in 5.0 s" in text


def test_the_run_view_leaves_out_the_tools_of_other_runs():
    view = RunView()
    view.feed(BOOT)
    view.feed(told("task_start", 1, task_id="1", name="Fetch", agent_id="orion"))
    view.feed(tool("start", 2, run_id="another", params={}))
    assert "pytest" not in drawn(view)


def test_the_graph_view_shows_what_each_agent_has_in_hand():
    view = GraphView(lambda crew_id: {"c": "Release"}[crew_id])
    assert "No agent" in drawn(view)
    agents = [{"agent_id": "orion", "name": "Orion", "role": "Scout", "state": "idle"}]
    snapshot = {"type": "snapshot", "stream": "graph:c", "seq": 1, "agents": agents}
    view.feed(snapshot | {"executions": []})
    assert "Release" in drawn(view)
    assert "idle" in drawn(view)
    view.feed(tool("start", 2, params={}))
    view.feed(tool("progress", 3, message="1 of 2 tests done"))
    assert "1 of 2 tests done" in drawn(view)
    view.feed(tool("end", 4, status="success", duration_s=3.0, exit_code=0))
    assert "✓ pytest 3.0 s" in drawn(view)
    view.feed(snapshot | {"executions": []})
    assert "pytest" not in drawn(view)


def test_the_mission_view_shows_every_crew():
    names = {"c": "Release", "d": "Rewrite"}
    view = MissionView(names.__getitem__)
    assert "No crew" in drawn(view)
    for crew_id, status in (("d", "busy"), ("c", "offline"), ("c", "available")):
        payload = {"status": status, "crewId": crew_id}
        at = AT.format(1)
        view.feed({"type": "signal", "timestamp": at, "crew_id": crew_id, "payload": payload})
    text = drawn(view)
    assert text.index("Release") < text.index("Rewrite")
    assert "✓ available" in text
    assert "busy" in text
    assert "offline" not in text
