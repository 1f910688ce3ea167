"""Close codes and messages when the server stops or fails, on live servers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from realtime.models import Stream
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def log_out_of_reach() -> Iterator[None]:
    table = Stream._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def test_a_server_that_stops_says_that_it_restarts(acme, run):
    server = Web()
    with server.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        server.stop(signal.SIGTERM)
        socket.rest()
        assert socket.code == 1012


def test_a_server_that_fails_says_so_and_recovers(web, acme, run):
    with log_out_of_reach(), web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.rest()
        assert socket.code == 4500
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        assert socket.until(type="boot")


def test_open_sockets_outlive_a_log_that_cannot_be_read(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        with log_out_of_reach():
            for _ in range(3):  # heartbeats, with a sweep between any two
                socket.until(type="ping")
        run.finish("cancelled", reason="cancelled")
        assert [f["type"] for f in socket.rest() if f["type"] != "ping"] == ["done"]
