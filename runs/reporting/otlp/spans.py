"""A span, as far as CrewOps uses it."""

from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Any

from runs.reporting.report_body import TooLarge

GROUPS_AT_MOST = 10_000  # resources of a call, and scopes of a resource
SPAN_TEXT_LIMIT = 16_384  # characters of an attribute's text; the rest is cut before it is stored


@dataclass(slots=True)
class Span:
    """One span that has ended. Ids are lower-case hex, times are seconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str  # empty: the root of its trace
    name: str
    start: float
    end: float
    attributes: dict[str, Any]  # those of `attribute_names`, and so are the resource's
    resource: dict[str, Any]
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0  # 0 unset, 1 ok, 2 error
    description: str = ""
    parent_is_remote: bool = False

    def value(self, *names: str) -> Any:
        """The first of these attributes that the span has, or ``None``."""
        for name in names:
            if (value := self.attributes.get(name)) is not None:
                return value
        return None

    def text(self, *names: str) -> str:
        """The first of these attributes that is a text, or an empty text."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, str) and value:
                return value
        return ""

    def count(self, *names: str) -> int | None:
        """The first of these attributes that is a number of tokens."""
        for name in names:
            if (value := self.attributes.get(name)) is None:
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53:
                return value
        return None


def remote_parent(flags: int) -> bool:
    """Whether the span's parent is known to be in another process: two bits of its flags."""
    return flags & 0x300 == 0x300


class Malformed(Exception):
    """The span cannot be used. The text says why."""


def checked(span: Span) -> Span:
    if len(span.trace_id) != 32 or not span.trace_id.strip("0"):
        raise Malformed("traceId: must have 16 bytes and not be zero")
    if len(span.span_id) != 16 or not span.span_id.strip("0"):
        raise Malformed("spanId: must have 8 bytes and not be zero")
    if not span.parent_id.strip("0"):
        span.parent_id = ""
    elif len(span.parent_id) != 16:
        raise Malformed("parentSpanId: must have 8 bytes")
    if span.parent_id == span.span_id:
        raise Malformed("parentSpanId: is the span itself")
    if not span.start:
        raise Malformed("startTimeUnixNano: is missing")
    span.end = max(span.end, span.start)
    return span


def check_groups(groups: Sized) -> None:
    """Raise ``TooLarge`` if there are more resources or scopes than a call may have spans."""
    if len(groups) > GROUPS_AT_MOST:
        raise TooLarge(f"A call has at most {GROUPS_AT_MOST} resources or scopes. Send two calls.")
