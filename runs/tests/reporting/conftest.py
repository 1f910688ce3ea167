"""A program that reports, and what comes of it."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from conftest import Tenant
from realtime import log
from realtime.log import streams
from runs.models import ReportedRun, Run

PATH = "/api/report/"


class Program:
    """Sends events with a key; what is said of a run is read back from the log."""

    def __init__(self, text: str) -> None:
        self.client = APIClient(raise_request_exception=False)
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def post(self, body: bytes, content_type: str = "application/x-ndjson", **headers: str):
        return self.client.generic("POST", PATH, body, content_type=content_type, **headers)

    def send(self, *events: dict[str, Any], pack: bool = False) -> dict[str, Any]:
        body = "\n".join(map(json.dumps, events)).encode()
        headers = {"HTTP_CONTENT_ENCODING": "gzip"} if pack else {}
        response = self.post(gzip.compress(body) if pack else body, **headers)
        assert response.status_code == 200, response.content
        return response.json()


@pytest.fixture
def program(acme: Tenant) -> Program:
    return Program(acme.issue_key("report")[1])


@pytest.fixture
def run_of() -> Callable[[str], Run]:
    return lambda key: ReportedRun.objects.get(key=key).run


def frames(run: Run) -> list[dict[str, Any]]:
    """What the log has of the run: a page of its own stream, then one of its tools'."""
    read = [
        json.loads(entry.text)
        for stream in (streams.run(run.pk), streams.graph(run.crew_id))
        for entry in log.read(stream, 0)
    ]
    return [frame for frame in read if frame.get("run_id") == str(run.pk)]


def types(run: Run) -> list[str]:
    return [frame["type"] for frame in frames(run)]
