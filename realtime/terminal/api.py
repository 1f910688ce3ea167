"""Calls of the HTTP API with the token of the user who watches."""

import json
import re
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

TIMEOUT_S = 30.0


class NotDone(Exception):
    """The server refused the call or did not answer. The message is for people."""


class Api:
    """The API of the server whose sockets are at ``base``: ``ws://host:port``."""

    def __init__(self, base: str, token: Callable[[], str]) -> None:
        self._base = re.sub("^ws", "http", base)
        self._token = token
        self._opener = build_opener(ProxyHandler({}), _NoRedirect())

    def get(self, path: str) -> dict[str, Any]:
        """Return what is at ``/api/<path>``. Raises ``NotDone``."""
        return self._ask(path, None)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield all entries of the list at ``/api/<path>``. Raises ``NotDone``."""
        following: str | None = path
        while following:
            page = self.get(following)
            yield from page["results"]
            following = page["next"] and page["next"].partition("/api/")[2]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post to ``/api/<path>`` and return the answer. Raises ``NotDone``."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        request = Request(
            f"{self._base}/api/{path}",
            data=body,
            headers={
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise NotDone(_detail(error)) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NotDone(
                f"No answer from {self._base} ({error}). It may have been received: look above "
                "before you repeat it."
            ) from error


class _NoRedirect(HTTPRedirectHandler):
    """A redirected POST would become a GET, whose answer looks like success."""

    def redirect_request(self, *args: Any) -> None:
        return None


def _detail(error: HTTPError) -> str:
    """What the server says about the error, or its status."""
    with error:
        try:
            return str(json.load(error)["detail"])
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            return f"The server answered {error.code} {error.reason}."
