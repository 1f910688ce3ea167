"""Heads of requests at their bounds, on a live server: RFC 9110, 9112 and 6455."""

import asyncio
import json

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from crewops.request_head import HEAD_LIMIT
from tests.security import tokens
from tests.security.wire import Answer, exchange, frame, handshake

pytestmark = pytest.mark.django_db(transaction=True)

PLAIN = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
END = b"\r\n"


@pytest.fixture
def said(talkative):
    """What the server answers to these bytes."""

    def exchanged(*parts: bytes, then: tuple[bytes, ...] = (), until: str = '"hello"') -> Answer:
        head = b"".join(parts)
        return asyncio.run(exchange(talkative.port, head, *then, until=until, patience_s=5))

    return exchanged


@pytest.fixture
def opening(talkative, acme) -> bytes:
    """A good handshake without the empty line at its end."""
    token = f"Sec-WebSocket-Protocol: token, {AccessToken.for_user(acme.viewer)}"
    return handshake("/ws/mission", token, port=talkative.port)[:-2]


def without(head: bytes, name: bytes) -> bytes:
    lines = [line for line in head.split(END) if not line.lower().startswith(name.lower() + b":")]
    return END.join(lines)


def filled(head: bytes, size: int, lines: int = 1) -> bytes:
    """The head with headers that make it ``size`` bytes long."""
    room = size - len(head) - len(END)
    each, rest = divmod(room, lines)
    filling = b""
    for number in range(lines):
        length = each + (rest if number == lines - 1 else 0)
        filling += b"X-%05d: " % number + b"a" * (length - 11) + END
    whole = head + filling + END
    assert len(whole) == size
    return whole


def problem(answer: Answer) -> dict:
    assert b"content-type: application/problem+json" in answer.head.lower(), answer
    return json.loads(answer.body)


@pytest.mark.parametrize("lines", [1, 300, 4000])
def test_a_head_may_have_64_kib_and_no_byte_more(said, opening, lines):
    assert said(filled(PLAIN, HEAD_LIMIT, lines)).status == 200
    assert said(filled(opening, HEAD_LIMIT, lines)).welcomed
    for head in (PLAIN, opening):
        answer = said(filled(head, HEAD_LIMIT + 1, lines))
        assert answer.status == 431
        assert problem(answer)["code"] == "head_too_large"
        assert "65536 bytes" in problem(answer)["detail"]


def test_the_target_counts(said):
    target = b"/healthz?x=" + b"a" * HEAD_LIMIT
    assert said(PLAIN.replace(b"/healthz", target), END).status == 431


def test_the_head_of_a_second_request_is_measured_too(said):
    keep = PLAIN.replace(b"Connection: close\r\n", b"")
    good = said(keep, END, filled(PLAIN, HEAD_LIMIT))
    assert good.body.count(b"HTTP/1.1 200") == 1  # behind the first
    bad = said(keep, END, filled(PLAIN, HEAD_LIMIT + 1))
    assert (bad.status, bad.body.count(b"HTTP/1.1 431")) == (200, 1)


def test_a_large_body_beside_the_next_head_is_no_large_head(said):
    post = b"POST /api/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    body = b" " * HEAD_LIMIT
    posted = post + b"Content-Length: %d\r\n\r\n" % len(body) + body
    answer = said(posted, PLAIN, END)
    assert answer.status == 400
    assert b"HTTP/1.1 200" in answer.body


@pytest.mark.parametrize(
    "line", [b"Sec-WebSocket-Protocol: token, %b", b"Authorization: Bearer %b"]
)
def test_a_long_token_is_refused_with_words(said, acme, opening, line):
    long = tokens.good(acme.viewer, pad="x" * 6_300).encode()
    assert 8_300 < len(long) < 9_000
    head = without(opening, b"Sec-WebSocket-Protocol") + line % long + END + END
    answer = said(head)
    assert (answer.status, answer.code) == (101, 4401)
    assert b"too long" in answer.frames[-1][1]
    call = b"GET /api/crews/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    refused = said(call, b"Authorization: Bearer %b" % long, END, END)
    assert refused.status == 401
    assert "too long" in problem(refused)["detail"]


@pytest.mark.parametrize(
    "hosts",
    [[], [b"127.0.0.1", b"127.0.0.1"], [b""], [b"a b"], [b"a,b"[:1] + b"/x"], [b"u@h"], [b"h:x"]],
    ids=repr,
)
def test_a_request_has_one_host(said, opening, hosts):
    for head in (PLAIN, opening):
        lines = b"".join(b"Host: %b\r\n" % host for host in hosts)
        answer = said(without(head, b"Host") + lines + END)
        assert (answer.status, problem(answer)["code"]) == (400, "bad_host")


def test_http_1_0_needs_no_host(said):
    assert said(without(PLAIN, b"Host").replace(b"HTTP/1.1", b"HTTP/1.0"), END).status == 200


@pytest.mark.parametrize("version", [b"12", b"14", b"", b"13, 8", None])
def test_the_answer_to_another_version_names_ours(said, opening, version):
    head = without(opening, b"Sec-WebSocket-Version")
    line = b"" if version is None else b"Sec-WebSocket-Version: %b\r\n" % version
    answer = said(head, line, END)
    assert answer.status == 426
    assert b"sec-websocket-version: 13\r\n" in answer.head.lower()
    assert b"upgrade: websocket\r\n" in answer.head.lower()
    assert problem(answer)["code"] == "upgrade_required"


def test_a_handshake_in_http_1_0_is_no_handshake(said, opening):
    answer = said(opening.replace(b"HTTP/1.1", b"HTTP/1.0"), END)
    assert (answer.status, problem(answer)["code"]) == (426, "upgrade_required")


@pytest.mark.parametrize("path", [b"/ws/mission", b"/ws/graph/", b"/ws/", b"/ws", b"/ws/nowhere"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
def test_a_socket_asked_for_like_a_page(said, path, method):
    head = PLAIN.replace(b"/healthz", path).replace(b"GET", method)
    answer = said(head, END)
    assert (answer.status, problem(answer)["code"]) == (426, "upgrade_required")
    assert b"\r\nupgrade: websocket\r\n" in answer.head.lower()
    assert "WebSocket client" in problem(answer)["detail"]


def test_the_offer_may_stand_on_several_lines(said, opening):
    for extra in (b"Connection: keep-alive\r\n", b"Connection: x, y\r\n"):
        assert said(opening, extra, END).welcomed
        assert said(
            opening.replace(b"Connection: Upgrade", b"Connection: upgrade"), extra, END
        ).welcomed


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 40], ids=lambda at: f"cut {at} before the end")
def test_a_body_beside_an_offer_that_we_ignore_is_read(talkative, chunked, cut):
    """Java's client offers HTTP/2 with each request. uvicorn would lose the body."""
    body = b'{"username": "nobody", "password": "x"}'
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    start = b"POST /api/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    after = PLAIN + END
    whole = start + offer + length + END + END + coded

    async def in_two_pieces() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", talkative.port)
        writer.write(whole[: len(whole) - cut])
        await writer.drain()
        await asyncio.sleep(0.05 if cut else 0)  # so that it comes in two pieces
        writer.write(whole[len(whole) - cut :] + after)
        async with asyncio.timeout(10):
            answers = await reader.read()
        writer.close()
        return answers

    answers = asyncio.run(in_two_pieces())
    assert answers.startswith(b"HTTP/1.1 401"), answers
    assert b"no_active_account" in answers  # so the body was read
    assert answers.count(b"HTTP/1.1 200") == 1  # and the request behind it


def test_a_close_between_two_fragments_is_answered_with_itself(said, opening):
    pieces = frame(b'{"type":', final=False) + frame((1000).to_bytes(2, "big"), opcode=8)
    answer = said(opening, END, then=(pieces,), until="")
    assert answer.code == 1000


def test_a_handshake_with_a_content_is_refused_with_words(said, opening):
    answer = said(opening, b"Content-Length: 5\r\n\r\nhello")
    assert answer.status == 400
    assert b"cannot be read" in answer.body
