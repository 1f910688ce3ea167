"""Sockets that speak MessagePack beside those that speak JSON, under both servers."""

import json

import msgpack
import pytest
from websockets.sync.client import connect

from realtime.tests.sockets.helpers import finish
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def daphne(django_db_setup):
    process = Web(daphne=True)
    yield process
    process.stop()


@pytest.fixture(params=["uvicorn", "daphne"])
def server(request, web):
    return web if request.param == "uvicorn" else request.getfixturevalue("daphne")


@pytest.fixture(params=["runs/{run}", "graph/{crew}", "graph", "mission"])
def path(request, acme, run):
    """Each of the sockets whose streams are not chosen by the client."""
    return "/ws/" + request.param.format(run=run.pk, crew=acme.crew.pk)


def comparable(frames: list[dict]) -> list[dict]:
    """Without heartbeats, and ``output`` as JSON has it."""
    for frame in frames:
        if "output" in frame and isinstance(frame["output"], bytes):
            frame["output"] = frame["output"].decode()
    return [frame for frame in frames if frame["type"] != "ping"]


def test_both_say_the_same(server, path, acme, run):
    with (
        server.socket(path, acme.viewer) as text,
        server.socket(path, acme.viewer, packed=True) as binary,
    ):
        assert text.subprotocol == "token"
        assert binary.subprotocol == "crewops.msgpack"
        hello = binary.frame()
        assert hello == text.frame()
        finish(run)
        # Three events of each tool; a crew that is free again; or the end of the run.
        last = {"graph": 3 * len(run.plan["tasks"]), "mission": hello["head"] + 1}
        kind = hello["stream"].partition(":")[0]
        end = {"seq": last[kind]} if kind in last else {"type": "done"}
        live = comparable(binary.until(**end))
        assert live == comparable(text.until(**end))
    with (
        server.socket(path, acme.viewer) as text,
        server.socket(path, acme.viewer, packed=True) as binary,
    ):
        replayed = [binary.frame() for _ in range(2)]
        assert comparable(replayed) == comparable([text.frame() for _ in range(2)])


def test_output_is_raw_bytes(server, acme, run):
    with server.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer, packed=True) as socket:
        socket.until(type="snapshot")
        finish(run)
        progress = socket.until(type="tool_progress")[-1]
    assert progress["output"] == b"hello\n"
    assert progress["message"] == "half"


def test_a_clients_frames_are_message_pack_too(server, acme, run):
    with server.socket(f"/ws/runs/{run.pk}", acme.viewer, packed=True) as socket:
        socket.until(type="boot")
        socket.send({"type": "ping"})
        assert socket.until(type="pong")[-1] == {"type": "pong"}
        jwt = socket.connection.request.headers["Sec-WebSocket-Protocol"].split(", ")[1]
        socket.send({"type": "auth", "token": jwt})
        assert socket.until(type="auth_ok")[-1]["expires_at"].endswith("Z")
        for malformed in (json.dumps({"type": "ping"}), b"\xc1", msgpack.packb({"type": 1})):
            socket.send(malformed)
        frames = [frame for frame in socket.rest() if frame["type"] == "error_message"]
        assert [frame["code"] for frame in frames] == ["malformed"] * 3
        assert frames[0]["detail"].startswith("Send MessagePack")
        assert socket.code == 4400


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_word_may_stand_anywhere_in_the_offer(web, acme, run, place):
    with web.socket("/ws/mission", acme.viewer) as socket:
        offer = socket.connection.request.headers["Sec-WebSocket-Protocol"].split(", ")
    offer.insert(place, "crewops.msgpack")
    with connect(f"ws://127.0.0.1:{web.port}/ws/mission", subprotocols=offer) as connection:
        assert connection.subprotocol == "crewops.msgpack"
        assert msgpack.unpackb(connection.recv(timeout=30))["type"] == "hello"


@pytest.mark.parametrize("offer", [["crewops.msgpack"], ["token", "crewops.msgpack"]])
def test_the_word_is_no_token(web, run, offer):
    with web.socket(f"/ws/runs/{run.pk}", subprotocols=offer) as socket:
        assert socket.close_code() == 4401


def test_a_shared_run_needs_no_token(web, run):
    run.share(True)
    with web.socket(f"/ws/runs/{run.pk}", packed=True) as socket:
        assert [frame["type"] for frame in socket.until(type="boot")] == ["hello", "boot"]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_live_socket_speaks_it_too(web, acme, run, compression):
    form = {"packed": True, "compression": compression}
    with web.socket("/ws/live", acme.viewer, **form) as socket:
        socket.until(type="hello")
        stream = f"graph:{acme.crew.pk}"
        socket.send({"type": "subscribe", "streams": [{"stream": stream}]})
        assert socket.until(type="snapshot")[-1]["stream"] == stream
        finish(run)
        progress = socket.until(type="tool_progress")[-1]
    assert progress["stream"] == stream
    assert progress["output"] == b"hello\n"
