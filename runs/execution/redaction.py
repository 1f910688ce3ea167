"""Removes passwords, tokens and keys from text that is stored or sent.

Matching takes time linear in the length of any text. A pattern begins with a literal. The rest of
it has a bounded length, or is a repeated character class that nothing has to match after.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from runs.execution.known_secrets import REDACTED, SecretMatcher
from runs.execution.secret_values import (
    LOOK_AHEAD,
    LOOK_BACK,
    is_basic,
    is_bearer,
    is_header_prose,
    is_plain,
    is_plain_string,
    whole_name,
)

WORDS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "credential",
    "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
    "private_key", "private-key", "privatekey", "session_id", "session-id", "sessionid",
    "authorization",
)  # fmt: skip
NAMES = {"credential"}  # parameters that hold the name of a secret, not its value
HEADERS = ("authorization", "cookie", "x-api-key", "x-auth-token")
MARKERS = (
    "://", "eyJ", "AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
    "glpat-", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "sk-", "sk_live_", "rk_live_",
    "crewops_", "-----BEGIN",
)  # fmt: skip

_WORD = rf"(?:{'|'.join(WORDS)}|(?<![a-z])(?:auth|(?:user|db|pg)?pass|pwd)(?![a-z]))"
NAME = rf"{_WORD}s?(?:key|hash|value|id)?\d{{0,3}}(?:[_-][\w-]{{1,30}})?"
IS = r"""\\?["']?[ \t]{0,3}(?:=>|[:=](?![:=]))[ \t]{0,3}"""
VALUE = r"""[^\s"'`&,;<>(){}\[\]\\]"""

USER = r"""[^\s/?#"'<>]{1,1000}"""

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text to replace. Every (lower-case) text that matches contains one of the `hints`.

    Searching for the hints first makes common text, which has none, fifty times cheaper.
    """

    hints: tuple[str, ...]
    regex: re.Pattern[str]
    replacement: Replacement


def _named(match: re.Match[str]) -> str:
    """Redact name = value, unless the value is no credential."""
    name, operator, quote = match["name"], match["operator"], match["quote"] or ""
    start, end, text = match.start(), match.end(), match.string
    before = text[max(0, start - LOOK_BACK) : start].rpartition("\n")[2]
    after = text[end : end + LOOK_AHEAD].partition("\n")[0]
    if quote:
        plain = is_plain_string(whole_name(before, name), match["quoted"])
    else:
        plain = is_plain(name, operator, match["value"], before, after)
    return match[0] if plain else f"{name}{operator}{quote}{REDACTED}"


def _option(match: re.Match[str]) -> str:
    if is_plain_string(match["name"], match["value"]):
        return match[0]
    return f"--{match['name']}{match['operator']}{REDACTED}"


def _header(match: re.Match[str]) -> str:
    return match[0] if is_header_prose(match[1], match[2]) else f"{match[1]}{REDACTED}"


def _scheme(match: re.Match[str]) -> str:
    is_secret = is_basic if match[1].lower().startswith("basic") else is_bearer
    return f"{match[1]}{REDACTED}" if is_secret(match[2]) else match[0]


PATTERNS = (
    # A private key, or the part of it that has arrived.
    Pattern(
        ("private key-----",),
        re.compile(
            r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?!\[redacted\])"
            r"(?:[^-]|-(?!----))*(?:-----END[A-Z ]{0,40}-----)?"
        ),
        rf"\1{REDACTED}",
    ),
    # scheme://user:password@host
    Pattern(("://",), re.compile(rf"(://)(?!git@){USER}@"), rf"\1{REDACTED}@"),
    # Authorization: Bearer ..., Cookie: a=b; c=d
    Pattern(
        HEADERS,
        re.compile(
            rf"""(?i)((?:{"|".join(HEADERS)})["']?[ \t]*+:[ \t]*+["']?)"""
            r"""(?!\[redacted\])([^\r\n"']+)"""
        ),
        _header,
    ),
    Pattern(
        ("bearer", "basic"),
        re.compile(rf"(?i)((?<![a-z])(?:bearer|basic)[ \t]{{1,3}})({VALUE}{{8,}})"),
        _scheme,
    ),
    # name = value, "name": "value", ?name=value&, --name=value
    Pattern(
        ("pass", "pwd", "auth", *WORDS),
        re.compile(
            rf"""(?i)(?P<name>{NAME})(?P<operator>{IS})"""
            rf"""(?:(?P<quote>\\?(?:(?P<double>")|'))(?P<quoted>(?(double)[^"\\\r\n]|[^'\\\r\n])+)"""
            rf"""|(?P<value>{VALUE}+))"""
        ),
        _named,
    ),
    # --name value
    Pattern(
        ("--",),
        re.compile(
            rf"(?i)--(?P<name>[\w-]{{0,30}}?{NAME})(?P<operator>[ \t]{{1,3}})"
            rf"(?!-)(?P<value>{VALUE}+)"
        ),
        _option,
    ),
    # Shapes that are secrets in any context.
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
            r"|crewops_[\w-]{43,}"  # an API key of this project; its prefix is shown
            r")"
        ),
        REDACTED,
    ),
)
_HINTS = {hint for pattern in PATTERNS for hint in pattern.hints}
# A text with any hint contains one of these: the hints that contain no other.
ANY_HINT = tuple(sorted(h for h in _HINTS if not any(o in h for o in _HINTS - {h})))
NAME_KEPT = 100  # characters of a parameter's name whose search is kept
SECRET_NAME = re.compile(rf"(?i){NAME}$|cookie")

_USER_INFO = re.compile(rf"://({USER})@")
Replace = Callable[[re.Match[str], str], str]  # the match and its replacement: what is shown


def redact(
    text: str, secrets: Iterable[str] | SecretMatcher = (), replace: Replace | None = None
) -> str:
    """Return `text` with `secrets` and everything that looks like a secret replaced.

    `replace` decides what stands for something that looks like a secret; it may raise.
    """
    text = SecretMatcher.of(secrets).replace(text) if secrets else text
    lowered = text.lower()
    for hint in ANY_HINT:
        if hint in lowered:
            break
    else:  # as most texts
        return text
    for pattern in PATTERNS:
        if any(hint in lowered for hint in pattern.hints):
            text = pattern.regex.sub(_shown(pattern.replacement, replace), text)
    return text


def _shown(own: Replacement, replace: Replace | None) -> Replacement:
    if replace is None:
        return own
    return lambda found: replace(found, found.expand(own) if isinstance(own, str) else own(found))


def redact_params(params: Any, secrets: Iterable[str] | SecretMatcher = ()) -> Any:
    """Return the copy of JSON-like `params` that `map_params` makes, with redacted strings."""
    known = SecretMatcher.of(secrets)
    return map_params(params, lambda text: redact(text, known))


def map_params(params: Any, text_of: Callable[[str], str]) -> Any:
    """Return a copy of JSON-like `params`, with ``text_of(text)`` for each string.

    A value whose name is that of a secret is replaced as a whole.
    """
    if isinstance(params, str):
        return text_of(params)
    if isinstance(params, dict | Mapping):
        return {
            key: REDACTED
            if value and _is_secret(key, value) and not isinstance(value, Mapping)
            else map_params(value, text_of)
            for key, value in params.items()
        }
    if isinstance(params, list | tuple):
        return [map_params(value, text_of) for value in params]
    return params


def secrets_in(params: Any) -> set[str]:
    """Return the secrets in JSON-like `params`.

    These are user names and passwords in URLs, and values whose name is that of a secret.
    """
    if isinstance(params, str) and "://" not in params:
        return set()
    if isinstance(params, dict | Mapping):
        named = {
            value
            for key, value in params.items()
            if isinstance(value, str) and _is_secret(key, value)
        }
        return named.union(*map(secrets_in, params.values()))
    if isinstance(params, list | tuple):
        return set().union(*map(secrets_in, params))
    found: set[str] = set()
    for user_info in _USER_INFO.findall(params) if isinstance(params, str) else ():
        user, colon, password = user_info.partition(":")
        secret = password if colon else user  # https://token@host
        found |= {secret, unquote(secret)} - {"git"}
    return found


def _is_secret(key: Any, value: Any) -> bool:
    """Whether this value of a parameter with this name is a secret."""
    name = str(key)
    if key in NAMES or not (_is_its_name if len(name) <= NAME_KEPT else _search_name)(name):
        return False
    return not (isinstance(value, bool | int | float | str) and is_plain_string(name, value))


def _search_name(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


_is_its_name = lru_cache(maxsize=1024)(_search_name)  # the same parameters come again and again
