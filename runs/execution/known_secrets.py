"""Finds known secrets in text, in each form that a text can hold them in.

The work is linear in the length of the texts, however many secrets there are.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
MIN_SECRET_CHARS = 4  # a shorter known secret would also match in common text
# Relative costs, measured with CPython 3.11: a look-up of a piece of text, a call of `str.replace`,
# and a character that it searches.
LOOK_UP, CALL, CHARACTER = 500, 250, 1
SHORT = 64  # characters; few longer forms fit into one event


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the forms of known secrets: plain, URL-encoded, base64. The longest come first."""
    found: set[str] = set()
    for secret in secrets:
        if len(secret) < MIN_SECRET_CHARS:
            continue
        found |= {secret, quote(secret, safe=""), quote_plus(secret)}
        # Base64 encodes three bytes at a time, so the encoded secret depends on the text before
        # it. The characters that share bits with neighbouring text are left out.
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
            shared = -(-before * 8 // 6)
            if len(inner := encoded[shared:-1]) >= 2 * MIN_SECRET_CHARS:
                found.add(inner)
    return tuple(sorted(found, key=len, reverse=True))


class SecretMatcher:
    """Replaces forms of secrets in texts: build it once for many texts.

    Forms are searched one after the other, in the order given. In a text for which that would take
    longer, those of at most `SHORT` characters are looked up at each place, by length: at most
    `SHORT` look-ups for each character. Longer forms are so few that they are searched one by one.
    """

    def __init__(self, forms: Iterable[str]) -> None:
        self._every = [form for form in forms if form]
        self._long = [form for form in self._every if len(form) > SHORT]
        self._by_length: dict[int, set[str]] = defaultdict(set)
        for form in self._every:
            if len(form) <= SHORT:
                self._by_length[len(form)].add(form)
        self._lengths = sorted(self._by_length, reverse=True)
        self._shortest = min(map(len, self._every), default=0)

    @classmethod
    def of(cls, forms: "Iterable[str] | SecretMatcher") -> "SecretMatcher":
        return forms if isinstance(forms, SecretMatcher) else cls(forms)

    def replace(self, text: str) -> str:
        """Return ``text`` with `REDACTED` for each form; the longest form at a place counts."""
        if not self._shortest or len(text) < self._shortest:
            return text
        is_looked_up = self._is_looked_up_in(text)
        for form in self._long if is_looked_up else self._every:
            text = text.replace(form, REDACTED)
        return self._looked_up(text) if is_looked_up else text

    def _is_looked_up_in(self, text: str) -> bool:
        """Whether the look-ups cost less than the searches, which many short forms need."""
        forms = len(self._every) - len(self._long)
        look_ups = len(text) * len(self._lengths) * LOOK_UP
        return look_ups < forms * (CALL + len(text) * CHARACTER)

    def _looked_up(self, text: str) -> str:
        kept, begin, at = [], 0, 0
        end = len(text) - self._lengths[-1]
        while at <= end:
            for length in self._lengths:
                if text[at : at + length] in self._by_length[length]:
                    kept += [text[begin:at], REDACTED]
                    begin = at = at + length
                    break
            else:
                at += 1
        return "".join([*kept, text[begin:]])
