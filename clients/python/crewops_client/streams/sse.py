"""Reads Server-Sent Events."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

LINE = 4 * 1024 * 1024  # bytes of an event; a longer one is passed over


class Events:
    """Server-Sent Events in the bytes of a response, each as the JSON of its data."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Any]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LINE:
            self._rest = b""
        for line in (each.rstrip(b"\r") for each in lines):
            if line.startswith(b"data:"):
                self._data.append(line[5:])
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                with contextlib.suppress(ValueError, RecursionError):
                    yield json.loads(data)
