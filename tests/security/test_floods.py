"""Clients that send more than they may: they are closed, and cost neither memory nor the others'
time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import psutil
import pytest
from rest_framework_simplejwt.tokens import AccessToken

from tests.live import Web
from tests.security.wire import Answer, exchange, frame, handshake

pytestmark = pytest.mark.django_db(transaction=True)

GROWTH_KB = 5 * 1024  # of the server's memory, at most
FLOODERS = 4
PONG_S = 3.0  # how long anybody else may wait for an answer meanwhile, on a busy machine
PONG = frame(b'{"type":"pong"}')
EMPTY_PART = frame(b"", opcode=0, final=False)
FLOODS = {
    "messages": (PONG, 200_000, 4429),
    "large messages": (frame(b'"' + b"x" * 16_000 + b'"'), 500, 4400),
    "binary messages": (frame(b"x" * 1000, opcode=2), 5_000, 4400),
    "pings": (frame(b"", opcode=9), 200_000, 4429),
    "pongs": (frame(b"", opcode=10), 200_000, 4429),
    "empty fragments": (EMPTY_PART, 200_000, 4429),
}
NO_FRAMES = {
    "deep JSON": (frame(b"[" * 100_000), 1009),
    "a MiB and one": (frame(b"x" * (1024 * 1024 + 1)), 1009),
    "a length of 2^62": (frame(b"", size=1 << 62), 1009),
    "no UTF-8": (frame(b'{"type":"\xff"}'), 1007),
    "a surrogate": (frame(b"\xed\xa0\x80"), 1007),
    "no UTF-8 in pieces": (
        frame(b'{"type":', final=False) + frame(b"\xff", opcode=0), 1007,
    ),
    "an end without a beginning": (frame(b"x", opcode=0), 1002),
    "an opcode of nobody": (frame(b"x", opcode=3), 1002),
    "a ping of 126 bytes": (frame(b"x" * 126, opcode=9), 1002),
    "no mask": (frame(b"x", masked=False), 1002),
    "compressed": (bytes([frame(b"x")[0] | 0x40]) + frame(b"x")[1:], 1002),
}  # fmt: skip


@pytest.fixture(scope="module")
def flooded(django_db_setup) -> Iterator[Web]:
    process = Web()
    yield process
    assert process.running, process.log.read_text()
    process.stop()


@pytest.fixture
def opening(acme) -> Callable[[Web], bytes]:
    """The handshake of a socket that is opened."""
    token = f"Sec-WebSocket-Protocol: token, {AccessToken.for_user(acme.viewer)}"
    return lambda web: handshake("/ws/mission", token, port=web.port)


def answers(*talks: Awaitable[Answer]) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        return await asyncio.gather(*talks)

    return asyncio.run(all_of_them())


def memory_kb(web: Web) -> float:
    return psutil.Process(web.pid).memory_info().rss / 1024


def close_code(web: Web, head: bytes, *messages: bytes) -> int | None:
    (answer,) = answers(exchange(web.port, head, *messages))
    return answer.code


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_closed_and_nobody_notices(flooded, acme, opening, kind):
    one, number, code = FLOODS[kind]
    flood = (frame(b"", final=False) if kind == "empty fragments" else b"") + one * number
    close_code(flooded, opening(flooded), flood)  # what is made once is made
    before_kb = memory_kb(flooded)

    async def wait_for_a_pong() -> float:
        begun = time.monotonic()
        answer = await exchange(
            flooded.port, opening(flooded), frame(b'{"type":"ping"}'), until='"pong"'
        )
        assert answer.welcomed
        return time.monotonic() - begun

    async def storm() -> tuple[list[Answer], list[float]]:
        floods = [exchange(flooded.port, opening(flooded), flood) for _ in range(FLOODERS)]
        beside = asyncio.gather(*(wait_for_a_pong() for _ in range(FLOODERS)))
        return await asyncio.gather(*floods), await beside

    closed, waits = asyncio.run(storm())
    # One that goes on sending after its close may be cut before it reads the code.
    assert {answer.code for answer in closed} <= {code, None}
    assert max(waits) < PONG_S
    assert memory_kb(flooded) - before_kb < GROWTH_KB


def test_a_flood_hears_the_code_where_it_reads(flooded, opening):
    (answer,) = answers(exchange(flooded.port, opening(flooded), PONG * 30))
    assert answer.code == 4429
    assert '"too_many_messages"' in answer.texts[-1]
    for part in (frame(b"", opcode=9) * 30, frame(b"", final=False) + EMPTY_PART * 64):
        assert close_code(flooded, opening(flooded), part) == 4429


@pytest.mark.parametrize("kind", NO_FRAMES)
def test_what_is_no_frame_closes_without_a_trace(flooded, opening, kind):
    message, code = NO_FRAMES[kind]
    start = flooded.log.stat().st_size
    assert close_code(flooded, opening(flooded), message) == code
    assert "Traceback" not in flooded.log.read_bytes()[start:].decode()


def test_a_message_may_come_in_pieces(flooded, opening):
    pieces = [
        frame(b'{"type"', final=False),
        frame(b"", opcode=9),
        frame(b': "p', opcode=0, final=False),
    ]
    pieces += [frame(b'ing"}', opcode=0)]
    (answer,) = answers(exchange(flooded.port, opening(flooded), *pieces, until='"pong"'))
    assert '{"type":"pong"}' in answer.texts
