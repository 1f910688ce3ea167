"""Concurrent processes write one stream while a reader reads after its last event."""

import json
import time
from uuid import uuid4

import pytest
from django.db import connection

from realtime import log
from tests.live import Process

WRITERS = 8
POSTGRESQL = connection.vendor == "postgresql"
# SQLite lets one writer in at a time, and the others look again only now and then.
APPENDS = 1000 if POSTGRESQL else 100
PAUSE_MS = 1.0  # before a commit, at most
POLL_S = 0.001

pytestmark = pytest.mark.django_db(transaction=True)


def followed(stream: str) -> list[dict]:
    """The events that a reader gets who polls while the writers write, and once after them."""
    writers = [
        Process(
            "-m", "realtime.tests.delivery.appender",
            "--stream", stream, "--writer", str(writer),
            "--count", str(APPENDS), "--pause-ms", str(PAUSE_MS),
        )
        for writer in range(WRITERS)
    ]  # fmt: skip
    last, seen = 0, []
    writing = True
    while writing:
        writing = any(writer.running for writer in writers)
        for entry in log.read(stream, last):
            last = entry.seq
            seen.append(json.loads(entry.text))
        time.sleep(POLL_S)
    for writer in writers:
        assert writer.stop() == 0, writer.log.read_text()
    return seen


def test_a_reader_sees_every_event_in_order():
    seen = followed(f"run:{uuid4()}")
    assert [event["seq"] for event in seen] == list(range(1, WRITERS * APPENDS + 1))
    for writer in range(WRITERS):
        own = [int(event["task_id"]) for event in seen if event["agent_id"] == str(writer)]
        assert own == list(range(APPENDS))
