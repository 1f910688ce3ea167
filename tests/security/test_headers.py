"""Heads of requests that two readers could read in two ways: refused, and nothing is
smuggled in.
"""

import asyncio

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from tests.security.wire import Answer, exchange, handshake

pytestmark = pytest.mark.django_db(transaction=True)

# What some readers take for the end of a line, or for a space that they remove.
BREAKS = (b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f", b"\x00", b"\x7f", b"\r")
BEYOND_ASCII = (b"\x85", b"\xa0")  # may stand in a value, and end nothing
BODY = b"0\r\n\r\n"
LENGTHS = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6",
    "a list of lengths": b"Content-Length: 5, 6",
    "a length with a sign": b"Content-Length: +5",
    "a length below nothing": b"Content-Length: -5",
    "a length in hexadecimal": b"Content-Length: 0x5",
    "a length with a space": b"Content-Length: 5 5",
    "a space before the colon": b"Content-Length : 5",
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "chunks of another kind": b"Transfer-Encoding: xchunked",
    "chunks not at the end": b"Transfer-Encoding: chunked, identity",
    "chunks after a control character": b"Transfer-Encoding: \x0bchunked",
    "a name that goes on": b"Transfer-Encoding\x0b: chunked",
    "a line that goes on": b"X: a\r\n Transfer-Encoding: chunked",
    "an end without a return": b"X: a\nTransfer-Encoding: chunked",
}  # fmt: skip


def answer_of(port: int, *parts: bytes) -> Answer:
    return asyncio.run(exchange(port, b"".join(parts), until='"hello"', patience_s=5))


@pytest.fixture
def opening(talkative, acme) -> bytes:
    """A good handshake, without the empty line at its end."""
    token = f"Sec-WebSocket-Protocol: token, {AccessToken.for_user(acme.viewer)}"
    return handshake("/ws/mission", token, port=talkative.port)[:-2]


def bearer(acme) -> bytes:
    return f"Authorization: Bearer {AccessToken.for_user(acme.viewer)}".encode()


@pytest.mark.parametrize("byte", BREAKS, ids=repr)
@pytest.mark.parametrize("line", [b"X: a%bb", b"X%b: a", b"%bX: a", b"X: %ba"], ids=repr)
def test_a_head_with_a_control_character_is_refused(talkative, acme, opening, line, byte):
    line = line % byte
    assert answer_of(talkative.port, opening, line, b"\r\n\r\n").status == 400
    request = b"GET /api/crews/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    request += bearer(acme) + b"\r\n"
    assert answer_of(talkative.port, request, line, b"\r\n\r\n").status == 400
    assert answer_of(talkative.port, request, b"X: ab\r\n\r\n").status == 200
    assert answer_of(talkative.port, opening, b"X: ab\r\n\r\n").welcomed


@pytest.mark.parametrize("byte", BEYOND_ASCII, ids=repr)
def test_a_byte_beyond_ascii_begins_no_line_and_is_no_space(talkative, acme, byte):
    port, plain = talkative.port, handshake("/ws/mission", port=talkative.port)[:-2]
    for line in (b"X: a" + byte + bearer(acme), bearer(acme).replace(b"Bearer ", b"Bearer" + byte)):
        answer = answer_of(port, plain, line, b"\r\n\r\n")
        assert (answer.status, answer.code) in [(101, 4401), (400, None)]
    assert answer_of(port, plain, bearer(acme), b"\r\n\r\n").welcomed


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS)
def test_a_body_whose_length_is_ambiguous_is_refused(talkative, lines):
    """Another request follows, which a reader that disagrees would take for the body or the
    reverse.
    """
    head = b"POST /api/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    after = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = answer_of(talkative.port, head, lines, b"\r\n\r\n", BODY, after)
    assert answer.status == 400, answer
    assert answer.body == b"Invalid HTTP request received.", "somebody read it"


def test_a_body_whose_length_is_plain_is_read(talkative):
    head = b"POST /api/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    after = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    for lines, body in ((b"Content-Length: 2", b"{}"), (b"Transfer-Encoding: chunked", BODY)):
        answer = answer_of(talkative.port, head, lines, b"\r\n\r\n", body, after)
        assert answer.status == 400  # nobody is named in it
        assert b"HTTP/1.1 200" in answer.body
