"""A reader of Server-Sent Events over httpx, which parses as the WHATWG specification says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from rest_framework_simplejwt.tokens import AccessToken

from tests import plain_http
from tests.live import UNTIL_S, Web


class Message(NamedTuple):
    event: str
    data: dict[str, Any]
    last_id: str  # as ``EventSource`` has it after this event


class Reader:
    """The events of a response. ``last_id`` and ``comments`` as of what was read."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self.retry_ms: int | None = None
        self.comments: list[str] = []
        self._messages = self._parsed()

    def message(self) -> Message:
        return next(self._messages)

    def until(self, **fields: Any) -> list[dict[str, Any]]:
        """The data up to and with the first that has all these fields."""
        found = []
        for message in self._messages:
            found.append(message.data)
            if all(message.data.get(key) == value for key, value in fields.items()):
                return found
        raise AssertionError(f"The stream ended without {fields}: {found}")

    def rest(self) -> list[Message]:
        """All up to the end of the response."""
        return list(self._messages)

    def _parsed(self) -> Iterator[Message]:
        event, data = "message", []
        for line in self.response.iter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield Message(event, json.loads("\n".join(data)), self.last_id)
                event, data = "message", []
            elif not name:
                self.comments.append(value)
            elif name == "data":
                data.append(value)
            elif name == "event":
                event = value
            elif name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry_ms = int(value)


@contextmanager
def reading(
    web: Web, path: str, user: Any = None, *, token: str | None = None, **headers: str
) -> Iterator[Reader]:
    """A reader with an access token of ``user`` or the token given.

    ``a_b`` is the header ``a-b``.
    """
    token = str(AccessToken.for_user(user)) if user else token
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    with plain_http.stream("GET", f"{web.origin}{path}", headers=sent, timeout=UNTIL_S) as response:
        yield Reader(response)


def refusal(web: Web, path: str, user: Any = None, **options: Any) -> tuple[int, str]:
    """The status, and the code of the problem."""
    with reading(web, path, user, **options) as reader:
        reader.response.read()
        return reader.response.status_code, reader.response.json()["code"]
