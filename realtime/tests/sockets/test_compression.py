"""Compressed frames, read by Python's `websockets`."""

from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.sync.client import ClientConnection

from realtime import log
from realtime.log import publish, streams
from runs.events.kinds import ToolProgress
from tests.events import sample
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)

EXTENSION = "Sec-WebSocket-Extensions"
LARGE = "src/app.py:12: a warning of a real tool\n" * 60


def emit(crew_id: Any, **fields: Any) -> None:
    stream = streams.graph(crew_id)
    event = sample(ToolProgress, str(crew_id), **fields)
    publish.on_commit(stream, log.append(stream, [event]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_client_reads_the_same_with_compression(web, acme, packed):
    path = f"/ws/graph/{acme.crew.pk}"
    with (
        web.socket(path, acme.viewer, packed=packed, compression="deflate") as small,
        web.socket(path, acme.viewer, packed=packed) as plain,
    ):
        answer = small.connection.response.headers[EXTENSION]
        assert "server_no_context_takeover; client_no_context_takeover" in answer
        assert EXTENSION not in plain.connection.response.headers
        small.until(type="snapshot"), plain.until(type="snapshot")
        for number in range(3):
            emit(acme.crew.pk, message=str(number), output=LARGE)
        emit(acme.crew.pk, message="last")
        frames = small.until(message="last")
        assert frames == plain.until(message="last")
        assert frames[0]["output"] == (LARGE.encode() if packed else LARGE)
        small.send({"type": "ping"})  # compressed by the client's library
        assert small.until(type="pong")


def compressed_of(connection: ClientConnection) -> list[bool]:
    """Whether each data frame that the client reads from now on is compressed."""
    (extension,) = connection.protocol.extensions
    seen, decode = [], extension.decode

    def noting(frame: Frame, **options: Any) -> Frame:
        seen.append(frame.rsv1)
        return decode(frame, **options)

    extension.decode = noting
    return seen


def test_live_events_that_are_large_are_compressed(web, acme):
    path = f"/ws/graph/{acme.crew.pk}"
    with web.socket(path, acme.viewer, compression="deflate") as socket:
        socket.until(type="snapshot")
        seen = compressed_of(socket.connection)
        emit(acme.crew.pk, output="small", message="1")
        emit(acme.crew.pk, output=LARGE, message="2")
        frames = [frame for frame in socket.until(message="2") if frame["type"] != "ping"]
    assert [frame["output"] for frame in frames] == ["small", LARGE]
    assert seen.count(True) == 1


def test_what_a_socket_catches_up_on_is_not_compressed(web, acme):
    for _ in range(3):
        emit(acme.crew.pk, output=LARGE, message="missed")
    emit(acme.crew.pk, message="the end")
    path = f"/ws/graph/{acme.crew.pk}?since=0"
    with web.socket(path, acme.viewer, compression="deflate") as socket:
        seen = compressed_of(socket.connection)
        assert len(socket.until(message="the end")) >= 4
    assert not any(seen)


def test_a_client_whose_window_is_too_small_is_sent_plain_frames(web, acme):
    offer = [ClientPerMessageDeflateFactory(server_max_window_bits=9)]
    with web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer, extensions=offer) as socket:
        assert EXTENSION in socket.connection.request.headers
        assert EXTENSION not in socket.connection.response.headers
        socket.until(type="snapshot")
        emit(acme.crew.pk, output=LARGE, message="x")
        assert socket.until(message="x")[-1]["output"] == LARGE


@pytest.mark.parametrize("options", [{"daphne": True}, {"REALTIME_COMPRESSION": "0"}], ids=str)
def test_where_it_is_not_offered_nothing_is_compressed(acme, options):
    process = Web(**options)
    try:
        path = f"/ws/graph/{acme.crew.pk}"
        with process.socket(path, acme.viewer, compression="deflate") as socket:
            assert EXTENSION not in socket.connection.response.headers
            socket.until(type="snapshot")
            emit(acme.crew.pk, output=LARGE, message="x")
            assert socket.until(message="x")[-1]["output"] == LARGE
    finally:
        process.stop()
