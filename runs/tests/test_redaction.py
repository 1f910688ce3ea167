"""What is taken out of stored and sent text, and what stays."""

import base64

import pytest

from runs.execution.redaction import redact, redact_params, secrets_in
from runs.execution.stream_redaction import StreamRedactor

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
        ("key crewops_" + "aB3-_" * 8 + "xyz", "key [redacted]"),
        ("crewops_aB3-_x", "crewops_aB3-_x"),  # what is shown of a key
        ("github_pat_0123456789abcdefghij", "[redacted]"),
        ("glpat-0123456789abcdefghij", "[redacted]"),
        ("xoxb-0123456789-abcdef", "[redacted]"),
        ("sk-ant-0123456789abcdefghij", "[redacted]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----\nok",
            "-----BEGIN RSA PRIVATE KEY-----[redacted]\nok",
        ),
        # Values that look like what is left readable elsewhere, and are secrets.
        ("password: 15321", "password: [redacted]"),
        ("password=12.canary", "password=[redacted]"),
        ("token: 15321", "token: [redacted]"),
        ("session_id=15321", "session_id=[redacted]"),
        ("tokens: 1532a", "tokens: [redacted]"),
        ("max_tokens=sk1532", "max_tokens=[redacted]"),
        ("tokens=1234567890123456", "tokens=[redacted]"),
        ("DB_PASS: canary", "DB_PASS: [redacted]"),
        ("PASS=canary", "PASS=[redacted]"),
        ("pass: hunter2", "pass: [redacted]"),
        ("pass: 153215", "pass: [redacted]"),
        ("PASS: p@$$!", "PASS: [redacted]"),
        ("auth: hunter2", "auth: [redacted]"),
        ("auth=canary", "auth=[redacted]"),
        ("auth: user:canary", "auth: [redacted]"),
        ("x-auth: canary", "x-auth: [redacted]"),
        ("secret: canary and more", "secret: [redacted] and more"),
        ("password: canary and more", "password: [redacted] and more"),
        ("token: canary", "token: [redacted]"),
        ("token: Canary42 and more", "token: [redacted] and more"),
        ("token=Canary and more", "token=[redacted] and more"),
        ("token=canary and more", "token=[redacted] and more"),
        ("password=canary(9)", "password=[redacted](9)"),
        ("password=s3cr3t(x)", "password=[redacted](x)"),
        ('"token": "15321"', '"token": "[redacted]"'),
        ('"password": "1234"', '"password": "[redacted]"'),
        ('"password": "required"', '"password": "[redacted]"'),
        ("password=$canary", "password=[redacted]"),
        ("password_file=can4ry", "password_file=[redacted]"),
        ("Basic dXNlcjpjYW5hcnk=", "Basic [redacted]"),
        ("Bearer abcdefghijklmnopqrstuvwxyz", "Bearer [redacted]"),
        ("Bearer canary42", "Bearer [redacted]"),
        ("authorization: custom canary", "authorization: [redacted]"),
        ("cookie: canary", "cookie: [redacted]"),
        ("login --token 15321", "login --token [redacted]"),
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
        # Results of tests
        "--- PASS: TestParser (0.00s)",
        "    --- PASS: TestHTTP2/keeps_alive (0.00s)",
        "PASS: tests/parser.test",
        "PASS: 12 of 12",
        "Pass: parses_empty",
        "tests/test_login.py::test_password: FAILED",
        "check_token: ok",
        # Counts
        "prompt_tokens=15321",
        "max_tokens=16384",
        "tokens: 128000",
        '{"prompt_tokens": 15321, "completion_tokens": "20480", "total_tokens": 35801}',
        "total_tokens=35_801 cached_tokens=~128k",
        "Tokens: 1.2M, tokens = 53.2/s",
        "token_count: 15321",
        "max_token=16384",
        "context tokens: 15321/128000",
        "token_limit=128000 token_usage = 99.25%",
        "secrets: 15321",
        "pass_rate: 0.9512 pass_count=15321",
        "auth_time=1532.3ms",
        "access_token_expires_in=86400",
        "eos_token_id: 128001, pad_token=eot",
        "generate --max-tokens 16384 --token-limit 8000",
        # Sentences
        "Running basic operations suite",
        "Basic JavaScript tutorial",
        "bearer authentication",
        "HEAD is now at 1a2b3c4 auth: fix login",
        "1a2b3c4 token: use a uuid",
        "authorization: fix roles",
        "cookie: add SameSite",
        "password: This field is required.",
        "Unexpected token: punc",
        "Password: incorrect",
        "Password: Traceback (most recent call last):",
        # Code and configuration
        "token = lexer.next_token()",
        "token = tokens[0]",
        "login(password=get_password(), token=secrets.token_hex(16))",
        "token = self.token",
        "const token = await read();",
        "secret: SecretStr",
        "def f(token: Token, credential: Credential) -> None: self.run(token=token)",
        "password: Optional[str] = None",
        "curl -d password=$DB_PASSWORD --token $API_TOKEN",
        "token: ${{ secrets.TOKEN }}",
        '{"token_type": "bearer"}',
        "password_file=/run/secrets/db",
        "password=********",
        "Successfully tagged acme/auth:latest",
        "acme/auth:1.2.0",
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


def test_counts_in_params_are_no_secrets():
    params = {"max_tokens": 16384, "prompt_tokens": "15321", "token_type": "bearer", "auth": True}
    assert redact_params(params) == params
    assert secrets_in(params) == set()
    assert redact_params({"password": 15321, "pin_token": "15321"}) == {
        "password": "[redacted]",
        "pin_token": "[redacted]",
    }


def test_the_name_of_a_secret_is_none():
    params = {"credential": "deploy", "credentials": "canary"}
    assert redact_params(params) == {"credential": "deploy", "credentials": "[redacted]"}
    assert secrets_in(params) == {"canary"}
    token = {"credential": "ghp_0123456789abcdefghij0123456789abcdef"}  # pasted by mistake
    assert redact_params(token) == {"credential": "[redacted]"}


def test_secrets_in_params():
    params = {"url": "https://u:can%40ary@host/x", "x": [{"token": "abc"}], "y": "ssh://git@host"}
    assert secrets_in(params) == {"can%40ary", "can@ary", "abc"}
