"""Passwords, tokens and keys taken out of what is stored and sent.

Matching takes time linear in the text, whatever the text is: a pattern begins with a literal, and
what follows is bounded or a run of characters that nothing has to match after.
"""

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote

REDACTED = "[redacted]"
HOLD_CHARS = 4096  # of an unfinished line at most
HOLD_S = 0.5  # an unfinished line without a sign of a secret is held back no longer than this
MIN_SECRET_CHARS = 4  # a shorter known secret would take common text apart

WORDS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "credential",
    "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
    "private_key", "private-key", "privatekey", "session_id", "session-id", "sessionid",
    "authorization",
)  # fmt: skip
NAMES = {"credential"}  # parameters that name a secret and are none
HEADERS = ("authorization", "cookie", "x-api-key", "x-auth-token")
MARKERS = (
    "://", "eyJ", "AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
    "glpat-", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "sk-", "sk_live_", "rk_live_",
    "-----BEGIN",
)  # fmt: skip

_WORD = rf"(?:{'|'.join(WORDS)}|(?<![a-z])(?:auth|(?:user|db|pg)?pass|pwd)(?![a-z]))"
_NAME = rf"{_WORD}s?(?:key|hash|value|id)?\d{{0,3}}(?:[_-][\w-]{{1,30}})?"
_IS = r"""\\?["']?[ \t]{0,3}(?:=>|[:=](?![:=]))[ \t]{0,3}"""
_VALUE = r"""[^\s"'`&,;<>(){}\[\]\\]"""

_USER = r"""[^\s/?#"'<>]{1,1000}"""

# Values that are no secrets, so that code and counts stay readable.
_PLAIN = r"(?!(?:true|false|none|null|str|int|bytes|\d{1,4})(?![\w-]))"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text to replace. One of the `hints` is in every (lower-case) text that matches: looking for
    them first makes common text, which has none, fifty times cheaper."""

    hints: tuple[str, ...]
    regex: re.Pattern[str]
    replacement: str


PATTERNS = (
    # A private key, or what has come of it so far.
    Pattern(
        ("private key-----",),
        re.compile(
            r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?!\[redacted\])"
            r"(?:[^-]|-(?!----))*(?:-----END[A-Z ]{0,40}-----)?"
        ),
        rf"\1{REDACTED}",
    ),
    # scheme://user:password@host
    Pattern(("://",), re.compile(rf"(://)(?!git@){_USER}@"), rf"\1{REDACTED}@"),
    # Authorization: Bearer ..., Cookie: a=b; c=d
    Pattern(
        HEADERS,
        re.compile(
            rf"""(?i)((?:{"|".join(HEADERS)})["']?[ \t]*+:[ \t]*+["']?)(?!\[redacted\])[^\r\n"']+"""
        ),
        rf"\1{REDACTED}",
    ),
    Pattern(
        ("bearer", "basic"),
        re.compile(rf"(?i)((?<![a-z])(?:bearer|basic)[ \t]{{1,3}}){_VALUE}{{8,}}"),
        rf"\1{REDACTED}",
    ),
    # name = value, "name": "value", ?name=value&, --name=value
    Pattern(
        ("pass", "pwd", "auth", *WORDS),
        re.compile(
            rf"""(?i)({_NAME}{_IS})(?:(\\?")[^"\\\r\n]+|(\\?')[^'\\\r\n]+|{_PLAIN}{_VALUE}+)"""
        ),
        rf"\1\2\3{REDACTED}",
    ),
    # --name value
    Pattern(
        ("--",),
        re.compile(rf"(?i)(--[\w-]{{0,30}}?{_NAME}[ \t]{{1,3}})(?!-){_VALUE}+"),
        rf"\1{REDACTED}",
    ),
    # Shapes that are secrets wherever they stand.
    Pattern(
        tuple(marker.lower() for marker in MARKERS),
        re.compile(
            r"(?<![A-Za-z0-9])(?:"
            r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"  # JSON Web Token
            r"|A(?:KI|SI)A[A-Z0-9]{16,}"  # AWS access key id
            r"|AIza[\w-]{30,}"  # Google API key
            r"|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"  # GitHub, GitLab
            r"|xox[abprs]-[\w-]{10,}"  # Slack
            r"|[sr]k_live_\w{10,}|sk-[\w-]{20,}"  # Stripe, model providers
            r")"
        ),
        REDACTED,
    ),
)
SECRET_NAME = re.compile(rf"(?i){_NAME}$|cookie")

_USER_INFO = re.compile(rf"://({_USER})@")

# The end of an unfinished line in which a secret has begun, or may have.
_OPEN = re.compile(
    rf"(?i)(?:{'|'.join(map(re.escape, MARKERS))}|{_WORD}|cookie|bearer|basic)"
    r"""[\w-]{0,40}["']?\s{0,3}[:=]?\s{0,3}(?:(?:bearer|basic)[ \t]{0,3})?["']?\S*$"""
)
_REST = re.compile(rf"{_VALUE}*")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without anything that looks like a secret, and without any of the known `secrets`."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    lowered = text.lower()
    for pattern in PATTERNS:
        if any(hint in lowered for hint in pattern.hints):
            text = pattern.regex.sub(pattern.replacement, text)
    return text


def redact_params(params: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of JSON-like `params`: texts redacted, and whole the values whose name is a secret's."""
    secrets = tuple(secrets)
    if isinstance(params, Mapping):
        return {
            key: REDACTED
            if value and _is_secret(key) and not isinstance(value, Mapping)
            else redact_params(value, secrets)
            for key, value in params.items()
        }
    if isinstance(params, list | tuple):
        return [redact_params(value, secrets) for value in params]
    return redact(params, secrets) if isinstance(params, str) else params


def secrets_in(params: Any) -> set[str]:
    """The secrets in JSON-like `params`: user names and passwords of URLs, values with a secret's name."""
    if isinstance(params, Mapping):
        named = {
            value for key, value in params.items() if isinstance(value, str) and _is_secret(key)
        }
        return named.union(*map(secrets_in, params.values()))
    if isinstance(params, list | tuple):
        return set().union(*map(secrets_in, params))
    if not isinstance(params, str):
        return set()
    found: set[str] = set()
    for user_info in _USER_INFO.findall(params):
        user, colon, password = user_info.partition(":")
        secret = password if colon else user  # https://token@host
        found |= {secret, unquote(secret)} - {"git"}
    return found


def _is_secret(key: Any) -> bool:
    """Whether the value of a parameter of that name is a secret."""
    return key not in NAMES and bool(SECRET_NAME.search(str(key)))


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Known secrets as they may appear: as they are, in a URL, in base64; the longest first."""
    found: set[str] = set()
    for secret in secrets:
        if len(secret) < MIN_SECRET_CHARS:
            continue
        found |= {secret, quote(secret, safe=""), quote_plus(secret)}
        # Base64 takes three bytes at a time: which text comes of a secret depends on what stands
        # before it. The characters that share bits with neighbours are left off.
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
            shared = -(-before * 8 // 6)
            if len(inner := encoded[shared:-1]) >= 2 * MIN_SECRET_CHARS:
                found.add(inner)
    return tuple(sorted(found, key=len, reverse=True))


class StreamRedactor:
    """Redacts text that comes in pieces, so that a secret split over two pieces is seen whole.

    An unfinished line is held back, `HOLD_CHARS` of it at most; `idle` lets go of what has waited
    for `HOLD_S` seconds and shows no sign of a secret.
    """

    def __init__(
        self, secrets: Iterable[str] = (), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.secrets = forms(secrets)
        self._clock = clock
        self._held = ""
        self._held_since = 0.0
        self._inside = (
            False  # a value was redacted at the very end: what follows still belongs to it
        )

    def feed(self, text: str) -> str:
        """Take in `text`; what can be let go of, redacted."""
        if not self._held:
            self._held_since = self._clock()
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        if "-----BEGIN" in self._held:
            end = self._before_private_key(end)
        if len(self._held) - end > HOLD_CHARS:
            end = max(self._suspicious_from(), len(self._held) - HOLD_CHARS)
        return self._release(end)

    def idle(self) -> str:
        """What has been held back for long enough, redacted; call it now and then."""
        if not self._held or self._clock() - self._held_since < HOLD_S:
            return ""
        return self._release(self._suspicious_from())

    def finish(self) -> str:
        """The rest, redacted."""
        return self._release(len(self._held))

    def _release(self, end: int) -> str:
        if not end:
            return ""
        text, self._held = self._held[:end], self._held[end:]
        self._held_since = self._clock()
        if self._inside:
            rest = _REST.match(text)
            assert rest is not None
            text = text[rest.end() :]
            if not text:
                return ""
        redacted = redact(text, self.secrets)
        self._inside = redacted.endswith(REDACTED) and not text.endswith(REDACTED)
        return redacted

    def _suspicious_from(self) -> int:
        """Where in the held text a secret may have begun; its end if nowhere."""
        found = _OPEN.search(self._held, max(0, len(self._held) - HOLD_CHARS))
        start = found.start() if found else len(self._held)
        for literal in (*self.secrets, *MARKERS, *WORDS):
            start = min(start, len(self._held) - _beginning_at_end(self._held, literal))
        return start

    def _before_private_key(self, end: int) -> int:
        start = self._held.rfind("-----BEGIN")
        closed = "-----END" in self._held[start:end]
        return end if closed else min(end, start)


def _beginning_at_end(text: str, literal: str) -> int:
    """How many characters of `literal`, three or more but not all, `text` ends with."""
    for size in range(min(len(literal) - 1, len(text)), 2, -1):
        if text.endswith(literal[:size]):
            return size
    return 0
