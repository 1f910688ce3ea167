"""Redacts output that arrives in pieces, and holds back only text that may be part of a secret."""

import re
import time
from collections.abc import Callable, Iterable

from runs.execution.known_secrets import forms
from runs.execution.redaction import HEADERS, IS, MARKERS, NAME, REDACTED, VALUE, redact

HOLD_CHARS = 4096  # limit for an unfinished line
HOLD_S = 0.5  # limit for holding back text that cannot be part of a secret
CONTEXT_CHARS = 200  # kept of the released line: a name in it decides about the next value

_SHAPES = "|".join(re.escape(marker) for marker in MARKERS if marker[0].isalnum())
_PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"

# A value that has begun and may continue. It begins at the group.
_BEGUN = tuple(
    re.compile(pattern)
    for pattern in (
        r"""://([^\s/?#"'<>]{0,1000})$""",
        rf"(?<![A-Za-z0-9])((?:{_SHAPES})[\w.-]*)$",
        rf"""(?i)(?:{"|".join(HEADERS)})["']?[ \t]*+:[ \t]*+["']?([^\r\n"']*)$""",
        rf"(?i)(?<![a-z])(?:bearer|basic)[ \t]{{1,3}}({VALUE}*)$",
        rf"""(?i){NAME}{IS}((?:\\?"[^"\\\r\n]*|\\?'[^'\\\r\n]*|{VALUE}*)\\?)$""",
        rf"(?i)--[\w-]{{0,30}}?{NAME}[ \t]{{1,3}}(?!-)({VALUE}*)$",
        rf"{_PRIVATE_KEY}()",
    )
)
_REST = re.compile(rf"{VALUE}*")
_KEY_END = re.compile(r"-----END[A-Z ]{0,40}-----")
KEY_END_CHARS = 60  # at most


class StreamRedactor:
    """Redacts text that arrives in pieces, and detects a secret that is split over two pieces.

    At most `HOLD_CHARS` of an unfinished line are held back. `idle` releases text that has waited
    for `HOLD_S` seconds, up to the beginning of a value. Names ("test_password_reset",
    "Password: ") are released and remembered, so that a value that arrives later is recognized.
    """

    def __init__(
        self, secrets: Iterable[str] = (), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.secrets = forms(secrets)
        self._clock = clock
        self._held = ""
        self._held_since = 0.0
        self._context = ""  # the end of the unfinished line that was released, without a value
        # A value was redacted at the very end: the text that follows still belongs to it.
        self._inside = False
        self._in_key = False  # the same for a private key, which has several lines

    def feed(self, text: str) -> str:
        """Add `text`. Returns the text that can be released, redacted."""
        if not self._held:
            self._held_since = self._clock()
        self._held += text
        if self._in_key and not self._leave_key():
            return ""
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        if "-----BEGIN" in self._held:
            end = self._before_private_key(end)
        if len(self._held) - end > HOLD_CHARS:
            end = max(self._value_from(), len(self._held) - HOLD_CHARS)
        return self._release(end)

    def idle(self) -> str:
        """Return text that has been held back long enough, redacted. Call it regularly."""
        if not self._held or self._in_key or self._clock() - self._held_since < HOLD_S:
            return ""
        return self._release(self._value_from())

    def finish(self) -> str:
        """Return the rest, redacted."""
        return "" if self._in_key else self._release(len(self._held))

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
        whole = self._context + text
        redacted = redact(whole, self.secrets)
        shown = redacted[_common(self._context, redacted) :]
        self._inside = redacted.endswith(REDACTED) and not text.endswith(REDACTED)
        begun = whole.rfind("-----BEGIN")
        self._in_key = "PRIVATE KEY-----" in whole[begun:] and "-----END" not in whole[begun:]
        self._context = "" if self._inside else self._end_of_line(whole)
        return shown

    def _end_of_line(self, text: str) -> str:
        """Return the end of the last line, after its last value."""
        line = re.split(r"[\r\n]", text[-CONTEXT_CHARS:])[-1]
        while line and redact(line, self.secrets) != line:
            line = line[1:].partition(" ")[2]
        return line

    def _leave_key(self) -> bool:
        """Drop the text of a private key. Returns whether the key has ended."""
        end = _KEY_END.search(self._held)
        if end is None:
            self._held = self._held[-KEY_END_CHARS:]
            return False
        self._held = self._held[end.end() :]
        self._in_key = self._inside = False
        return True

    def _value_from(self) -> int:
        """Return where in the held text a value may have begun, or its length if nowhere."""
        text = self._context + self._held
        before = max(0, len(text) - HOLD_CHARS)
        starts = [found.start(1) for pattern in _BEGUN if (found := pattern.search(text, before))]
        starts += [len(text) - _beginning_at_end(text, secret) for secret in self.secrets]
        return max(0, min([len(text), *starts]) - len(self._context))

    def _before_private_key(self, end: int) -> int:
        start = self._held.rfind("-----BEGIN")
        closed = "-----END" in self._held[start:end]
        return end if closed else min(end, start)


def _beginning_at_end(text: str, literal: str) -> int:
    """Return how many characters of `literal` `text` ends with: 0, or at least 3 but not all."""
    for size in range(min(len(literal) - 1, len(text)), 2, -1):
        if text.endswith(literal[:size]):
            return size
    return 0


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
