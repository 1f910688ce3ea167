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


@pytest.mark.skipif(not POSTGRESQL, reason="SQLite lets one writer in at a time")
def test_control_a_reader_after_the_last_autoincrement_id_misses_a_row():
    """Such a column gives an id before the commit: a larger one can be visible first."""
    early = connection.copy()
    with connection.cursor() as reader:
        reader.execute("CREATE TABLE numbered_rows (id bigserial PRIMARY KEY)")
        try:
            early.set_autocommit(False)
            with early.cursor() as writer:
                writer.execute("INSERT INTO numbered_rows DEFAULT VALUES")
            reader.execute("INSERT INTO numbered_rows DEFAULT VALUES RETURNING id")
            (last,) = reader.fetchone()
            early.commit()
            reader.execute("SELECT count(*) FROM numbered_rows WHERE id > %s", [last])
            assert reader.fetchone() == (0,)
            reader.execute("SELECT count(*) FROM numbered_rows")
            assert reader.fetchone() == (2,)
        finally:
            early.close()
            reader.execute("DROP TABLE numbered_rows")
