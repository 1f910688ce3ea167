"""What is redacted of output that comes in pieces, and how long it is held back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.execution.redaction import redact
from runs.execution.stream_redaction import HOLD_CHARS, StreamRedactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize("secret", ["https://u:canary@host", "password=canary", f"token: {JWT}"])
def test_a_secret_split_anywhere_is_seen_whole(secret):
    text = f"before {secret} after\nnext\n"
    for cut in range(len(text)):
        stream = StreamRedactor()
        assert stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.finish() == redact(text)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("password=can", "ary"),
        ("passw", "ord=canary"),
        ("https://u:can", "ary@host"),
        ("ghp_0123456789", "0123456789canary"),
        ("the known-s", "ecret-canary"),
        ("Authorization: Bearer ", "canary"),
        ("password=canary", "canary"),
    ],
)
def test_a_secret_split_over_a_pause(first, second):
    clock = Clock()
    stream = StreamRedactor(["known-secret-canary"], clock=clock)
    shown = stream.feed(first)
    clock.now += 60
    shown += stream.idle() + stream.feed(second) + stream.feed(" end\n")
    assert "can" not in shown
    assert "ary" not in shown
    assert shown.endswith("\n")


@pytest.mark.parametrize(
    "text",
    [
        "test_h.py::test_password_reset ",
        "test_h.py::TestToken::test_a ",
        "test_h.py::test_get[https://host/path] ",
        "Password: ",
        "Enter the token",
        "Username for 'https://github.com': ",
        "auth: waiting ...",
        "Authorization",
        "basic",
        "-----",
    ],
)
def test_what_begins_no_value_is_held_back_for_half_a_second(text):
    clock = Clock()
    stream = StreamRedactor(["known-secret"], clock=clock)
    assert stream.feed(text) == ""
    clock.now += 0.6
    assert stream.idle() == text


@pytest.mark.parametrize(
    "text",
    [
        "password=canary end\n",
        "dbPassword = canary end\n",
        'api_key: "can ary" end\n',
        "login --password canary end\n",
        "Authorization: Bearer canary.x-y\n",
        "Cookie: a=canary; b=canary\n",
        "clone https://u:canary@github.com/a end\n",
        "see known-secret-canary end\n",
        "sent Bearer canary-canary end\n",
        "ghp_0123456789abcdefghij0123456789canary end\n",
        "a token, password=canary and secret=canary end\n",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\ncanary\n-----END RSA PRIVATE KEY-----\nend\n",
    ],
)
def test_a_secret_split_by_pauses_anywhere(text):
    """Whatever was released before a pause, no part of the value is."""
    for first in range(len(text)):
        for second in range(first + 1, len(text), 5):
            clock = Clock()
            stream = StreamRedactor(["known-secret-canary"], clock=clock)
            shown = ""
            for piece in (text[:first], text[first:second], text[second:]):
                shown += stream.feed(piece)
                clock.now += 60
                shown += stream.idle()
            shown += stream.finish()
            assert "can" not in shown, (text[:first], text[first:second])
            assert "ary" not in shown, (text[:first], text[first:second])
            assert shown.endswith("\n")
            assert ("end" in shown) is ("end" in text), shown


def test_a_private_key_longer_than_what_is_held_back():
    stream = StreamRedactor()
    key = ["-----BEGIN PRIVATE KEY-----\n", *["canary" * 10 + "\n"] * 200]
    lines = [*key, "-----END PRIVATE", " KEY-----\n", "ok\n"]
    shown = "".join(map(stream.feed, lines)) + stream.finish()
    assert shown == "-----BEGIN PRIVATE KEY-----[redacted]\nok\n"


def test_lines_are_let_go_at_once_and_the_rest_after_a_pause():
    clock = Clock()
    stream = StreamRedactor(clock=clock)
    assert stream.feed("first\nprogress ...") == "first\n"
    assert stream.idle() == ""
    clock.now += 0.6
    assert stream.idle() == "progress ..."
    assert stream.feed("....") == ""
    assert stream.finish() == "...."


def test_a_secret_longer_than_what_is_held_back():
    stream = StreamRedactor()
    shown = "".join(stream.feed(part) for part in ["password=", *["canary" * 500] * 20, " end\n"])
    assert shown == "password=[redacted] end\n"


@given(st.lists(st.text(alphabet="ab \n\r=:/@password", max_size=30), max_size=8))
def test_pieces_joined_are_the_redacted_whole(pieces):
    stream = StreamRedactor()
    assert "".join(map(stream.feed, pieces)) + stream.finish() == redact("".join(pieces))


HOSTILE = [
    "a",
    "token",
    "eyJ",
    "eyJaaaaa.",
    "://",
    "://a",
    "password=",
    'token="',
    "token_a",
    " ",
    "@",
]


@pytest.mark.parametrize("unit", [*HOSTILE, "-----BEGIN PRIVATE KEY-----", "authorization:", "sk-"])
def test_time_is_linear_in_the_length_of_a_line(unit):
    def seconds(size: int) -> float:
        line = unit * (size // len(unit))
        stream = StreamRedactor(["known-secret"])
        start = time.process_time()
        for at in range(0, size, 65536):
            stream.feed(line[at : at + 65536])
        stream.finish()
        return time.process_time() - start

    assert seconds(800_000) < 10 * max(seconds(200_000), 0.05)


def test_memory_is_bounded():
    stream = StreamRedactor()
    for _ in range(50):
        stream.feed("x" * 100_000)
        assert len(stream._held) <= HOLD_CHARS
