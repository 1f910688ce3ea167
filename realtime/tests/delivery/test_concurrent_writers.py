"""Concurrent processes write one stream while a reader reads after its last event."""

import json
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from django.db import connection

from realtime import log
from realtime.tests.delivery.appender import NUMBERED
from tests.live import Process

WRITERS = 8
POSTGRESQL = connection.vendor == "postgresql"
# SQLite lets one writer in at a time, and the others look again only now and then.
APPENDS = 1000 if POSTGRESQL else 100
PAUSE_MS = 1.0  # before a commit, at most
POLL_S = 0.001

pytestmark = pytest.mark.django_db(transaction=True)


def followed(read: Callable[[int], list[tuple[int, dict]]], *options: str) -> list[dict]:
    """What a reader gets that polls while the writers write, and then once more."""
    writers = [
        Process(
            "-m", "realtime.tests.delivery.appender",
            "--writer", str(writer), "--pause-ms", str(PAUSE_MS), *options,
        )
        for writer in range(WRITERS)
    ]  # fmt: skip
    last, seen = 0, []
    writing = True
    while writing:
        writing = any(writer.running for writer in writers)
        for seq, row in read(last):
            last = seq
            seen.append(row)
        time.sleep(POLL_S)
    for writer in writers:
        assert writer.stop() == 0, writer.log.read_text()
    return seen


@pytest.fixture
def numbered() -> Iterator[None]:
    key = "bigserial PRIMARY KEY" if POSTGRESQL else "integer PRIMARY KEY AUTOINCREMENT"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {NUMBERED} (id {key}, writer integer, number integer)")
        yield
        cursor.execute(f"DROP TABLE {NUMBERED}")


def test_a_reader_sees_every_event_in_order():
    stream = f"run:{uuid4()}"

    def read(since: int) -> list[tuple[int, dict]]:
        return [(entry.seq, json.loads(entry.text)) for entry in log.read(stream, since)]

    seen = followed(read, "--stream", stream, "--count", str(APPENDS))
    assert [event["seq"] for event in seen] == list(range(1, WRITERS * APPENDS + 1))
    for writer in range(WRITERS):
        own = [int(event["task_id"]) for event in seen if event["agent_id"] == str(writer)]
        assert own == list(range(APPENDS))


def test_control_a_reader_of_autoincrement_ids_misses_some(numbered):
    """On SQLite, whose writers wait for each other anyway, even such ids would do."""
    count = APPENDS // 10

    def read(since: int) -> list[tuple[int, dict]]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id, writer FROM {NUMBERED} WHERE id > %s ORDER BY id", [since])
            return [(id, {"writer": writer}) for id, writer in cursor.fetchall()]

    seen = followed(read, "--stream", "-", "--count", str(count), "--autoincrement")
    missed = WRITERS * count - len(seen)
    assert bool(missed) == POSTGRESQL, f"{missed} rows missed"
