"""The writer of event streams: full while its client does not read, and ended all the same."""

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from realtime.servers import event_stream
from realtime.servers.encodings import EVENT_STREAM
from realtime.servers.event_stream import ChunkWriter
from realtime.tests.transport import Transport

FRAME = EVENT_STREAM[True].control("{}")


class Abortable(Transport):
    """``abort`` ends it as a lost connection does."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = asyncio.Event()

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True
        self.aborted.set()

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == event_stream.BUFFER_LIMIT

    def get_extra_info(self, name: str) -> None:
        return None


def cycle_of(transport: Transport) -> RequestResponseCycle:
    flow = FlowControl(transport)
    fields = dict.fromkeys(("logger", "access_logger"), SimpleNamespace())
    return RequestResponseCycle(
        scope={"method": "GET"},
        transport=transport,
        flow=flow,
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=False,
        on_response=lambda: None,
        **fields,
    )


@pytest.fixture
async def started() -> tuple[ChunkWriter, Abortable, RequestResponseCycle]:
    transport = Abortable()
    cycle = cycle_of(transport)
    writer = ChunkWriter(cycle)
    await cycle.send({"type": "http.response.start", "status": 200, "headers": []})
    transport.written = b""
    return writer, transport, cycle


async def test_a_client_that_does_not_read_makes_it_full(started):
    writer, transport, cycle = started
    assert writer.write(FRAME)
    cycle.flow.pause_writing()
    assert not writer.write(FRAME)
    waiting = asyncio.create_task(writer.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    cycle.flow.resume_writing()
    await waiting
    assert writer.write(FRAME)
    assert transport.written == b"a\r\ndata: {}\n\n\r\n" * 2


async def test_the_end_is_a_last_event_and_a_last_chunk(started):
    writer, transport, _ = started
    await writer.close(4403, "Gone.")
    assert b'event: close\ndata: {"type": "close", "code": 4403, "reason": "Gone."}\n\n' in (
        transport.written
    )
    assert transport.written.endswith(b"\r\n0\r\n\r\n")
    assert transport.closing
    before = transport.written
    assert writer.write(FRAME)
    assert transport.written == before, "an event after the end"


@pytest.mark.parametrize("reads", [True, False])
async def test_it_ends_whether_the_client_reads_or_not(started, monkeypatch, reads):
    for limit in ("CLOSE_S", "CLOSE_UNREAD_S"):
        monkeypatch.setattr(event_stream, limit, 0.01)
    writer, transport, cycle = started
    if not reads:
        cycle.flow.pause_writing()
    closing = asyncio.create_task(writer.close(4408, "Too slow."))
    async with asyncio.timeout(30):
        await transport.aborted.wait()
    cycle.disconnected = True
    cycle.flow.resume_writing()  # as uvicorn does when the connection is lost
    await closing
    assert (b"Too slow." in transport.written) == reads
