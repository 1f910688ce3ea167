"""The terminal client, with a fake server."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from realtime.terminal import client as client_module
from realtime.terminal.client import Client, ConnectionFailed

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


def test_since_is_sent_and_earlier_events_are_left_out():
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
        pytest.raises(ConnectionFailed, match="did not accept the token") as refused,
    ):
        seqs(Client(url, token=tokens()))
    assert refused.value.code == 4401
    assert len(stage.tokens) == 2


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404])
def test_a_refusal_is_final(code):
    with (
        server(say(close=code)) as (url, stage),
        pytest.raises(ConnectionFailed, match=f"Closed with {code}") as refused,
    ):
        seqs(Client(url, token=tokens()))
    assert refused.value.code == code
    assert len(stage.paths) == 1


@pytest.mark.parametrize("stream", ["run:r", "graph:c", "mission:c"])
def test_an_event_of_an_unknown_type_has_its_place_in_the_stream(stream):
    first, *others = ({"type": "weather", "run_id": "r", "crew_id": "c", "seq": n} for n in (1, 2))
    begins = hello() | {"stream": stream}
    scenes = say(begins, first, close=1012), say(begins, first, *others)
    with server(*scenes) as (url, _):
        assert seqs(Client(url, token=tokens())) == [1, 2]
