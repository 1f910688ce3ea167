"""Parses the body of a call into a list of events. Limits are checked before events are applied."""

import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType

from runs.reporting.event_parsing import event_of
from runs.reporting.reported_kinds import InvalidEvent, ReportedEvent

EVENTS_AT_MOST = 1000
EVENT_BYTES = 64 * 1024
NDJSON, JSON = "application/x-ndjson", "application/json"


class Item(NamedTuple):
    """One position of a call: an event, or the reason why it is rejected."""

    index: int
    id: str | None
    event: ReportedEvent | None
    error: InvalidEvent | None


class TooLarge(APIException):
    status_code = 413
    default_code = "too_large"


class Unsupported(UnsupportedMediaType):
    is_explained = True

    def __init__(self, detail: str) -> None:
        super().__init__("", detail=detail)


def items_in(body: bytes, *, content_type: str, encoding: str) -> list[Item]:
    """Parse the body. Raises an exception of the API if the call as a whole cannot be read."""
    kind = _media_type(content_type)
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = inflated(body, encoding.strip().lower(), limit=limit)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    raws = list(_lines(text) if kind == NDJSON else _objects(text))
    if len(raws) > EVENTS_AT_MOST:
        raise TooLarge(f"A call has at most {EVENTS_AT_MOST} events. Send two calls.")
    return [_item(index, raw, size) for index, (raw, size) in enumerate(raws)]


def _media_type(content_type: str) -> str:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if kind not in (JSON, NDJSON):
        raise Unsupported(f"Send the events as {JSON} or {NDJSON}.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise Unsupported("Send the events as UTF-8.")
    return kind


def inflated(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Unpack the body. Raises an exception of the API if it has more than ``limit`` bytes."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Unsupported("Send the body as it is or as gzip.")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        inflated = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise ParseError("The body is no gzip.") from error
    if len(inflated) > limit:
        raise TooLarge(f"The body unpacks to more than {limit} bytes. Send two calls.")
    if not unpacker.eof or unpacker.unused_data:
        raise ParseError("The gzip is cut short, or something follows it.")
    return inflated


def _lines(text: str) -> Iterator[tuple[Any, int]]:
    for line in text.split("\n"):
        if line.strip():
            try:
                yield _parsed(line), len(line.encode())
            except (ValueError, RecursionError):
                yield None, 0


def _objects(text: str) -> Iterator[tuple[Any, int]]:
    try:
        parsed = _parsed(text)
    except RecursionError as error:
        raise ParseError("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise ParseError(f"The body is no JSON: {error}") from error
    may_be_large = len(text.encode()) > EVENT_BYTES  # only a large call can contain a large event
    for raw in parsed if isinstance(parsed, list) else [parsed]:
        yield raw, _size(raw) if may_be_large else 0


def _size(raw: Any) -> int:
    """Bytes of the value as a line of NDJSON, without escapes and spaces that need not be."""
    text = json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_no_json)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _item(index: int, raw: Any, size: int) -> Item:
    if not isinstance(raw, dict):
        return Item(index, None, None, InvalidEvent("malformed", "This is no JSON object."))
    given = raw.get("id")
    id = given if isinstance(given, str) and len(given) <= 200 else None
    if size > EVENT_BYTES:
        detail = f"The event has more than {EVENT_BYTES} bytes as JSON."
        return Item(index, id, None, InvalidEvent("event_too_large", detail))
    try:
        return Item(index, id, event_of(raw), None)
    except InvalidEvent as error:
        return Item(index, id, None, error)
