"""Read Server-Sent Events."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

LIMIT = 4 * 1024 * 1024  # bytes of an event; a longer one is skipped


class Events:
    """Reads Server-Sent Events from the bytes of a response, each as the JSON of its data."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0  # of the event's data so far

    def feed(self, piece: bytes) -> Iterator[Any]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LIMIT:
            self._rest, self._size = b"", LIMIT + 1
        for line in (each.rstrip(b"\r") for each in lines):
            if line.startswith(b"data:"):
                self._size += len(line)
                if self._size <= LIMIT:
                    self._data.append(line[5:])
            elif not line:
                data, size = b"\n".join(self._data), self._size
                self._data, self._size = [], 0
                if 0 < size <= LIMIT:
                    with contextlib.suppress(ValueError, RecursionError):
                        yield json.loads(data)
