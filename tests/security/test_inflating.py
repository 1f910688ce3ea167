"""What a client sends compressed is inflated up to the length that a message may have."""

from collections.abc import Callable, Iterator

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from tests.live import Web
from tests.security.test_floods import GROWTH_KB, answers, memory_kb
from tests.security.wire import deflated, exchange, frame, handshake

pytestmark = pytest.mark.django_db(transaction=True)

KIB = 1024
LIMIT = 64 * KIB  # bytes of a message
ZEROS = deflated(bytes(10 * KIB * KIB))  # 10 KB
PIECES = [ZEROS[at : at + 1000] for at in range(0, len(ZEROS), 1000)]
TOO_LARGE = {
    "in one frame": frame(ZEROS, compressed=True),
    "in pieces": frame(PIECES[0], compressed=True, final=False)
    + b"".join(frame(piece, opcode=0, final=False) for piece in PIECES[1:]),
    "by one byte": frame(deflated(bytes(LIMIT + 1)), compressed=True),
    "by its last piece": frame(deflated(bytes(LIMIT)), compressed=True, final=False)
    + frame(b"x", opcode=0),
    "in binary": frame(ZEROS, compressed=True, opcode=2),
}
BROKEN = {
    "no deflate": frame(b"\xff" * 20, compressed=True),
    "a compressed ping": frame(b"", opcode=9, compressed=True),
    "a compressed continuation": frame(deflated(b"{"), compressed=True, final=False)
    + frame(deflated(b"}"), compressed=True, opcode=0),
}


@pytest.fixture(scope="module")
def web(django_db_setup) -> Iterator[Web]:
    process = Web()
    yield process
    process.stop()


@pytest.fixture
def opening(acme, web) -> Callable[[], bytes]:
    token = f"Sec-WebSocket-Protocol: token, {AccessToken.for_user(acme.viewer)}"
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    return lambda: handshake("/ws/mission", token, offer, port=web.port)


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_a_message_that_inflates_to_more_closes_1009(web, opening, kind):
    answers(exchange(web.port, opening(), TOO_LARGE[kind]))  # what is made once is made
    before_kb = memory_kb(web)
    closed = answers(*(exchange(web.port, opening(), TOO_LARGE[kind]) for _ in range(5)))
    # It may be cut while it sends what nobody reads.
    assert {answer.code for answer in closed} <= {1009, None}
    assert 1009 in {answer.code for answer in closed}
    assert memory_kb(web) - before_kb < GROWTH_KB


def test_a_message_that_inflates_to_the_limit_is_read(web, opening):
    large = frame(deflated(b" " * LIMIT), compressed=True)
    (answer,) = answers(exchange(web.port, opening(), large, until="at most"))
    assert "at most 16384 bytes" in answer.texts[-1]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_fault_of_the_protocol_closes_1002(web, opening, kind):
    (answer,) = answers(exchange(web.port, opening(), BROKEN[kind]))
    assert answer.code == 1002
    assert "Traceback" not in web.log.read_text()


def test_a_message_may_be_compressed_or_not(web, opening):
    ping = b'{"type":"ping"}'
    halves = deflated(ping)[:5], deflated(ping)[5:]
    pieces = frame(halves[0], compressed=True, final=False) + frame(halves[1], opcode=0)
    for sent in (frame(ping), frame(deflated(ping), compressed=True), pieces):
        (answer,) = answers(exchange(web.port, opening(), sent, until='"pong"'))
        assert '{"type":"pong"}' in answer.texts
