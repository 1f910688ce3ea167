"""What is taken out of stored and sent text, and what stays."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.redaction import HOLD_CHARS, StreamRedactor, redact, redact_params, secrets_in

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:canary@host/x", "https://[redacted]@host/x"),
        ("clone https://canary@github.com/a", "clone https://[redacted]@github.com/a"),
        ("postgres://u:can@ary@db/x", "postgres://[redacted]@db/x"),
        ("https://host/x?token=canary&page=2", "https://host/x?token=[redacted]&page=2"),
        ("password=canary next", "password=[redacted] next"),
        ("AWS_SECRET_ACCESS_KEY=can/ary+x", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("dbPassword = canary", "dbPassword = [redacted]"),
        ('api_key: "can ary"', 'api_key: "[redacted]"'),
        ("password='can ary' x", "password='[redacted]' x"),
        ('{"password": "can ary", "a": 1}', '{"password": "[redacted]", "a": 1}'),
        ('\\"secret\\": \\"canary\\"', '\\"secret\\": \\"[redacted]\\"'),
        ("login --password canary -v", "login --password [redacted] -v"),
        ("Authorization: Bearer canary.x-y", "Authorization: [redacted]"),
        ("curl -H 'Authorization: Basic canary' x", "curl -H 'Authorization: [redacted]' x"),
        ("Cookie: a=canary; b=canary", "Cookie: [redacted]"),
        ("sent Bearer canary-canary", "sent Bearer [redacted]"),
        (f"jwt {JWT}.", "jwt [redacted]."),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("ghp_0123456789abcdefghij0123456789abcdef", "[redacted]"),
        ("github_pat_0123456789abcdefghij", "[redacted]"),
        ("glpat-0123456789abcdefghij", "[redacted]"),
        ("xoxb-0123456789-abcdef", "[redacted]"),
        ("sk-ant-0123456789abcdefghij", "[redacted]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----\nok",
            "-----BEGIN RSA PRIVATE KEY-----[redacted]\nok",
        ),
    ],
)
def test_secrets_are_taken_out(text, expected):
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "author: Bob",
        "tests/test_auth.py::TestToken::test_password PASSED",
        "tokens: 12, passed=3",
        "def login(token: str, password: None) -> bool:",
        "git clone ssh://git@github.com/a/b",
        "https://example.com/a?page=2",
        "Receiving objects: 100% (3/3), done.",
        "secret santa, a token of thanks",
    ],
)
def test_common_text_stays(text):
    assert redact(text) == text


def test_known_secrets_in_each_of_their_forms():
    secret = "p@ss wörd/42"
    stream = StreamRedactor([secret])
    encoded = [base64.b64encode(b"x" * n + secret.encode() + b"yy").decode() for n in range(3)]
    text = f"{secret}|p%40ss%20w%C3%B6rd%2F42|p%40ss+w%C3%B6rd%2F42|{'|'.join(encoded)}\n"
    redacted = stream.feed(text)
    assert redacted.count("[redacted]") == 6
    for part in redacted.split("|"):
        assert len(part.replace("[redacted]", "").strip()) <= 8


def test_params():
    params = {
        "url": "https://u:canary@host/x",
        "api_key": "canary",
        "args": ["--token=canary", "-q", 3],
        "nested": {"password": ["canary"], "empty": None},
        "password": "",
        "depth": 1,
    }
    assert redact_params(params) == {
        "url": "https://[redacted]@host/x",
        "api_key": "[redacted]",
        "args": ["--token=[redacted]", "-q", 3],
        "nested": {"password": "[redacted]", "empty": None},
        "password": "",
        "depth": 1,
    }
    assert params["api_key"] == "canary"


def test_the_name_of_a_secret_is_none():
    params = {"credential": "deploy", "credentials": "canary"}
    assert redact_params(params) == {"credential": "deploy", "credentials": "[redacted]"}
    assert secrets_in(params) == {"canary"}
    token = {"credential": "ghp_0123456789abcdefghij0123456789abcdef"}  # pasted by mistake
    assert redact_params(token) == {"credential": "[redacted]"}


def test_secrets_in_params():
    params = {"url": "https://u:can%40ary@host/x", "x": [{"token": "abc"}], "y": "ssh://git@host"}
    assert secrets_in(params) == {"can%40ary", "can@ary", "abc"}


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
