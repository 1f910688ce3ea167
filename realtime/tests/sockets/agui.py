"""Readers of ``/agui/runs/{id}`` for tests."""

from contextlib import contextmanager
from uuid import uuid4

import httpx
from django.utils import timezone

from realtime.tests.sockets.event_source import Reader
from runs.models import ModelCall
from tests import plain_http
from tests.live import UNTIL_S


def path_of(run) -> str:
    return f"/agui/runs/{run.pk}"


@contextmanager
def posting(web, run, token, **body):
    """A reader of the response to a POST with this RunAgentInput."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{web.origin}{path_of(run)}"
    with plain_http.stream("POST", url, headers=headers, json=body, timeout=UNTIL_S) as response:
        yield Reader(response)


def post(web, run, token, **options) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return plain_http.post(
        f"{web.origin}{path_of(run)}", headers=headers, timeout=UNTIL_S, **options
    )


def answered(run, *pieces: str) -> None:
    """A model call of the run, whose text comes in these pieces and is stored."""
    run.crew.organization.keeps_model_text = True
    run.crew.organization.save()
    about = {"agent_id": "orion", "provider": "openai", "model": "m", "at": timezone.now()}
    call = ModelCall.objects.start(run=run, id=uuid4(), **about)
    for piece in pieces:
        call.answer(piece)
    call.end("success")


def kinds(messages: list) -> list[str]:
    return [message.data["type"] for message in messages]
