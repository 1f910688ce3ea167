"""Frames of a client, the answers, and the messages on Redis, on a live server."""

import json

import pytest

from realtime.tests.sockets.helpers import work
from tests import plain_http
from tests.live import FRAME_S

pytestmark = pytest.mark.django_db(transaction=True)


def test_heartbeat_and_pong(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        ping = socket.until(type="ping")[-1]
        assert ping["heads"] == {f"run:{run.pk}": 1}
        socket.send({"type": "pong"})
        socket.send({"type": "ping"})
        assert socket.until(type="pong")[-1] == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        '{"type": 1}',
        {"type": "websocket.disconnect"},
        {"type": "close"},
        {"type": "auth"},
        b"bytes",
        "",
        "[" * 9000,
        {"type": "ping", "pad": "x" * 17000},
    ],
    ids=str,
)
def test_a_malformed_frame_is_answered_and_repeated_closed(web, acme, run, frame):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        for _ in range(3):
            socket.send(frame)
        frames = [f for f in socket.rest() if f["type"] != "ping"]
        assert [f["type"] for f in frames] == ["error_message"] * 3
        assert all(f["code"] == "malformed" and f["detail"] for f in frames)
        assert socket.code == 4400


def test_too_many_frames(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        for _ in range(100):  # faster than ten a second, also from a busy machine
            socket.send({"type": "pong"})
        socket.rest()
        assert socket.code == 4429


def test_a_since_that_is_no_number(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}?since=x", acme.viewer) as socket:
        assert socket.close_code() == 4400


def test_a_refusal_is_a_handshake_first(web, run):
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "token, garbage",
    }
    with plain_http.stream("GET", f"{web.origin}/ws/runs/{run.pk}", headers=headers) as response:
        assert response.status_code == 101
        assert response.headers["Sec-WebSocket-Protocol"] == "token"


def test_redis_carries_exactly_the_text_of_the_socket(web, acme, run, redis_server):
    with (
        redis_server.pubsub() as pubsub,
        web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket,
    ):
        pubsub.psubscribe("*")
        assert pubsub.get_message(timeout=FRAME_S)["type"] == "psubscribe"
        socket.until(type="snapshot")
        execution = work(run, run.plan["tasks"][0])
        texts = []
        while len(texts) < 3:
            text = socket.connection.recv(timeout=FRAME_S)
            if json.loads(text)["type"] != "ping":
                texts.append(text)
        published = []
        while len(published) < 3:
            message = pubsub.get_message(timeout=FRAME_S)
            if message["channel"] == f"graph:{acme.crew.pk}".encode():
                published.append(message["data"].decode())
    assert published == texts
    assert json.loads(texts[0])["execution_id"] == str(execution.pk)
