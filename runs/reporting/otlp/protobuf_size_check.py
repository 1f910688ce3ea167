"""Counts the messages of an OTLP request in protobuf before it is decoded.

A message without content takes 2 bytes of the request and about 70 bytes of memory. So a request
that is not large can need hundreds of megabytes. What is counted here is at most what the decoder
makes.
"""

from typing import NamedTuple


class Fields(dict[int, "Fields"]):
    """The fields of a message that are messages, by number, as the OTLP schema has them."""


class OpenMessage(NamedTuple):
    end: int
    fields: Fields


REQUEST, RESOURCE_SPANS, RESOURCE, SCOPE_SPANS, SCOPE = (Fields() for _ in range(5))
SPAN, EVENT, LINK, STATUS, PAIR, VALUE, ARRAY, PAIRS, ENTITY = (Fields() for _ in range(9))
REQUEST.update({1: RESOURCE_SPANS})
RESOURCE_SPANS.update({1: RESOURCE, 2: SCOPE_SPANS})
RESOURCE.update({1: PAIR, 3: ENTITY})
SCOPE_SPANS.update({1: SCOPE, 2: SPAN})
SCOPE.update({3: PAIR})
SPAN.update({9: PAIR, 11: EVENT, 13: LINK, 15: STATUS})
EVENT.update({3: PAIR})
LINK.update({4: PAIR})
PAIR.update({2: VALUE})
VALUE.update({5: ARRAY, 6: PAIRS})
ARRAY.update({1: VALUE})
PAIRS.update({1: PAIR})

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def is_within(body: bytes, *, messages: int, fields: int) -> bool:
    """Whether the request has at most so many messages, and so many fields of any kind.

    Raises ``ValueError`` if the body is no message of protobuf.
    """
    try:
        return _is_within(body, messages, fields)
    except IndexError:
        raise ValueError("The body ends within a field.") from None


def _is_within(body: bytes, messages: int, more: int) -> bool:
    at, end, fields = 0, len(body), REQUEST
    outer: list[OpenMessage] = []
    while True:
        while at >= end:
            if not outer:
                return True
            end, fields = outer.pop()
        more -= 1
        if more < 0:
            return False
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == VARINT:
            _, at = _varint(body, at)
        elif kind == FIXED64:
            at += 8
        elif kind == FIXED32:
            at += 4
        elif kind == BYTES:
            length, at = _varint(body, at)
            inner = fields.get(tag >> 3)
            if inner is None:
                at += length
                continue
            messages -= 1
            if messages < 0:
                return False
            outer.append(OpenMessage(end, fields))
            end, fields = at + length, inner
        else:  # OTLP has no field of another kind
            raise ValueError(f"The body has a field of the kind {kind}.")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """The number at this place, and the place after it. At most 10 bytes, as protobuf has it."""
    number = body[at]
    if number < 0x80:
        return number, at + 1
    number &= 0x7F
    for more in range(1, 10):
        part = body[at + more]
        number |= (part & 0x7F) << 7 * more
        if part < 0x80:
            return number, at + more + 1
    raise ValueError("The body has a number of more than 10 bytes.")
