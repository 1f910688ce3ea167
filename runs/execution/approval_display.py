"""What a person is shown of a tool call before it begins: all of it, except for credentials.

Redaction hides text that may be a secret. Of a call that a person approves, it may hide nothing
that can be code: two different calls could look the same. Such a call is refused.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from runs.execution.known_secrets import REDACTED, SecretMatcher, forms
from runs.execution.redaction import map_params, redact, secrets_in

NAME_SHOWN = 100  # characters of a parameter's name in a message

# No space, no path from a root, no address, no character that a shell or a language acts on.
CREDENTIAL = re.compile(r"(?=[\w+])(?:[\w.~+:@%!#-]+|[A-Za-z0-9+/_-]+)={0,2}")
# So long and so mixed that it is no word, option or name of a file. It may stand anywhere.
RANDOM = re.compile(
    r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])(?=[\w+])[A-Za-z0-9+/_-]{16,}={0,2}"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"
)
# $TOKEN, ${token}, $1, $password: where a secret is, not the secret.
VARIABLE = re.compile(
    r"\$(?:[A-Z_][A-Z0-9_]*|\d|\{\w+\}"
    r"|\w{0,30}(?:token|pass|pwd|secret|key|auth|cred|user)\w{0,30})"
)
NAMED = re.compile(r"""(?:[:=>][ \t]*\\?["']?|://)$""")  # what stands before a value with a name
SCHEME = re.compile(r"(?i)(?:basic|bearer|token|apikey|key|negotiate)[ \t]+")
PAIR = re.compile(r"[ \t]*[\w.-]+=")  # of a cookie
OPENS = ("(", "[", "{")  # what stands before it is called or indexed, so it is code
_BREAK = r"(?:\r?\n|(?P<one_line>\\n))"
# The lines of a private key in base64. It begins as such a key does, so the first is no command.
KEY_BODY = re.compile(
    rf"{_BREAK}(?=M|b3BlbnNzaC1rZXk)[A-Za-z0-9+/]{{40,76}}={{0,2}}"
    r"(?:(?(one_line)\\n|\r?\n)[A-Za-z0-9+/]{1,76}={0,2})*(?(one_line)\\n|\r?\n)"
    r"-----END [A-Z ]{0,30}PRIVATE KEY-----"
)


class NotFullyShown(Exception):
    """The call cannot be shown whole. The text names the parameter and says what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} cannot be shown whole, so nobody can approve the call: a part of it may be a "
            "secret, but it may also be code. Give the secret in an environment variable, or as "
            "the whole value of a parameter with a name such as password."
        )


class _MayBeCode(Exception):
    """Redaction would hide text that is no credential."""


def shown_name(tool: str) -> str:
    """The whole name of a tool. Raises ``NotFullyShown`` if it looks like a secret."""
    if redact(tool) != tool:
        raise NotFullyShown("The name of the tool")
    return tool


def shown_params(params: Mapping[str, Any], secrets: Iterable[str] = ()) -> dict[str, Any]:
    """Return a copy of JSON-like ``params`` in which credentials are hidden, and nothing else.

    Hidden are what looks like a credential, the given ``secrets``, and those in other parameters.
    A value whose name is that of a secret is hidden as a whole. Raises ``NotFullyShown``.
    """
    texts = _Texts({*secrets, *secrets_in(params)})
    shown = {}
    for name, value in params.items():
        try:
            shown |= map_params({name: value}, texts.shown)
        except _MayBeCode:
            what = f"The parameter {redact(str(name))[:NAME_SHOWN]!r}"
            raise NotFullyShown(what) from None
    return shown


class _Texts:
    """Shows texts of one call, whose known secrets are ``secrets``."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [secret for secret in secrets if not _variables(secret)]
        self._random = SecretMatcher(forms(filter(RANDOM.fullmatch, known)))
        words = [secret for secret in known if not RANDOM.fullmatch(secret)]
        self._words = SecretMatcher(forms(words))
        self._code = SecretMatcher(forms(word for word in words if not CREDENTIAL.fullmatch(word)))

    def shown(self, text: str) -> str:
        """The text without credentials. Raises ``_MayBeCode``."""
        shown = redact(text, self._random, _show)
        rest = shown.replace(REDACTED, "\n")
        if self._code.replace(text) != text or self._words.replace(rest) != rest:
            raise _MayBeCode  # a value that another parameter hides
        return shown


def _show(match: re.Match[str], redacted: str) -> str:
    """What is shown for text that looks like a secret. Raises ``_MayBeCode``."""
    if redacted == match[0]:
        return redacted
    before, _, after = redacted.partition(REDACTED)
    hidden = match[0][len(before) : len(match[0]) - len(after)]
    if before.endswith("PRIVATE KEY-----"):
        _check_key(match, hidden)
        return redacted
    if not after and match.string.startswith(OPENS, match.end()):
        raise _MayBeCode
    if "cookie" in before.lower() and PAIR.match(hidden):
        return before + ";".join(map(_pair, hidden.split(";"))) + after
    named = NAMED.search(before)
    if named and (scheme := SCHEME.match(hidden)):
        before, hidden = before + scheme[0], hidden[scheme.end() :]
    value = hidden.rstrip(" \t")
    if "authorization" in before.lower() and SCHEME.fullmatch(f"{value} "):
        return match[0]  # the secret stands after it, and has been hidden
    shown = _value(value, CREDENTIAL if named else RANDOM)
    return before + shown + hidden[len(value) :] + after


def _value(value: str, shape: re.Pattern[str]) -> str:
    """What is shown for a value: variables as they are, and credentials of this shape hidden."""
    if shape.fullmatch(value.replace(REDACTED, "")) or value == REDACTED:
        return REDACTED
    parts = value.split(":")  # $USER:$PASSWORD
    if not any(map(VARIABLE.fullmatch, parts)):
        raise _MayBeCode
    return ":".join(part if VARIABLE.fullmatch(part) else _value(part, shape) for part in parts)


def _pair(pair: str) -> str:
    """What is shown for one pair of a cookie: its name."""
    name = PAIR.match(pair)
    value = pair[name.end() :].rstrip(" \t") if name else pair.strip(" \t")
    if not name:
        if value:
            raise _MayBeCode
        return pair
    return name[0] + (_value(value, CREDENTIAL) if value else "")


def _check_key(match: re.Match[str], hidden: str) -> None:
    """Raise ``_MayBeCode`` unless a private key is hidden, and it begins a line or is one line."""
    key = KEY_BODY.fullmatch(hidden)
    line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
    if key is None or not (key["one_line"] or not line.strip()):
        raise _MayBeCode


def _variables(text: str) -> bool:
    return all(map(VARIABLE.fullmatch, text.split(":")))
