"""Readers of ``/agui/runs/{id}`` for tests."""

from contextlib import contextmanager

import httpx

from realtime.tests.sockets.event_source import Reader
from tests.live import UNTIL_S


def path_of(run) -> str:
    return f"/agui/runs/{run.pk}"


@contextmanager
def posting(web, run, token, **body):
    """A reader of the response to a POST with this RunAgentInput."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{web.origin}{path_of(run)}"
    with httpx.stream("POST", url, headers=headers, json=body, timeout=UNTIL_S) as response:
        yield Reader(response)


def post(web, run, token, **options) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(f"{web.origin}{path_of(run)}", headers=headers, timeout=UNTIL_S, **options)


def kinds(messages: list) -> list[str]:
    return [message.data["type"] for message in messages]
