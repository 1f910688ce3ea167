"""Cut long texts into pieces for several events, at places where no secret is likely to be."""

import re
from collections.abc import Iterator

from .encoding import OUTPUT

WINDOW = 1_000  # characters before the limit in which a place is searched for
LOOK_BACK = 60  # characters before a place

# A name and its value stay together: the server redacts the value because of the name.
_NAME = re.compile(r"""(?i)(?:[:=>]|\b(?:bearer|basic)|--[\w-]+)\s*\\?["']?$""")
_OPERATOR = re.compile(r"\s{0,60}[:=]")


def pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of at most `OUTPUT` characters.

    The server searches each piece by itself for secrets. So a piece ends after a line, or else
    after ``, ``, a quotation mark or a space near the limit. Only a text without these is cut
    anywhere.
    """
    start = 0
    while start < len(text):
        end = _end(text, start)
        yield text[start:end]
        start = end


def _end(text: str, start: int) -> int:
    limit = start + OUTPUT
    if limit >= len(text):
        return len(text)
    if end := text.rfind("\n", start, limit) + 1:
        return end
    for separator in (", ", '"', " "):
        end = text.rfind(separator, limit - WINDOW, limit)
        while end >= 0:
            after = end + len(separator)
            if not _divides(text, after):
                return after
            end = text.rfind(separator, limit - WINDOW, end)
    return limit


def _divides(text: str, at: int) -> bool:
    """Return whether `at` is between a name and its value."""
    before = _NAME.search(text, max(0, at - LOOK_BACK), at)
    return before is not None or _OPERATOR.match(text, at) is not None
