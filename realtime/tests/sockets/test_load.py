"""Bursts, slow queries and prunes, on a live server: no event is lost, no socket delayed."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from realtime import log
from realtime.log import pruning, publish, streams
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.tests.sockets.helpers import finish
from runs.events.kinds import ToolProgress
from tests.events import sample
from tests.live import Web

BURST = 1000  # events ...
BURST_S = 5.0  # ... within, on a busy machine
BATCH = 100  # events of one transaction: a tenth of a second in all on a quiet machine
CLIENTS = 50
SLOW = 3  # connects that wait for a lock in the database
CONNECT_S = 5.0  # p99 of the others, on a busy machine

pytestmark = pytest.mark.django_db(transaction=True)


def emit(stream: str, numbers: range, crew_id: str) -> None:
    events = [sample(ToolProgress, crew_id, message=str(number)) for number in numbers]
    with transaction.atomic():
        publish.on_commit(stream, log.append(stream, events))


def connect_s(web: Web, path: str, token: str) -> float:
    """Seconds until a socket has its first event."""
    begun = time.monotonic()
    with web.socket(path, token=token) as socket:
        socket.until(type="boot")
        return time.monotonic() - begun


def test_a_burst_reaches_everybody(web, acme):
    crew_id = str(acme.crew.pk)
    stream = streams.graph(crew_id)
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(web.socket(f"/ws/graph/{crew_id}", acme.viewer))
            for _ in range(CLIENTS)
        ]
        for socket in sockets:
            socket.until(type="snapshot")
        begun = time.monotonic()
        for first in range(0, BURST, BATCH):
            emit(stream, range(first, first + BATCH), crew_id)
        assert time.monotonic() - begun < BURST_S
        for socket in sockets:
            frames = [f for f in socket.until(message=str(BURST - 1)) if f["type"] != "ping"]
            assert [int(frame["message"]) for frame in frames] == list(range(BURST))


def test_a_slow_query_of_some_does_not_delay_the_others(web, acme, run):
    """A stream that another transaction is just making holds up who asks for its position."""
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
    token = str(AccessToken.for_user(acme.operator))
    stream = streams.graph(acme.crew.pk)
    Stream.objects.filter(name=stream).delete()
    with ExitStack() as slow, transaction.atomic():
        log.append(stream, [sample(ToolProgress, str(acme.crew.pk))])
        waiting = [
            slow.enter_context(web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer))
            for _ in range(SLOW)
        ]
        time.sleep(0.5)  # they are all at their query
        with ThreadPoolExecutor(8) as pool:
            paths = [f"/ws/runs/{run.pk}"] * CLIENTS
            took = sorted(pool.map(lambda path: connect_s(web, path, token), paths))
        assert took[CLIENTS * 99 // 100] < CONNECT_S
        for socket in waiting:
            with pytest.raises(TimeoutError):
                socket.connection.recv(timeout=0)
    with web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket:
        assert socket.until(type="snapshot")


def test_a_reader_sees_pruned_events_or_the_floor_above_them(run):
    """While events are being deleted, a reader of another connection sees all of them still."""
    stream = streams.run(run.pk)
    finish(run)
    seen = []

    def look() -> None:
        position = log.position(stream)
        seen.append((position.floor, log.read(stream, position.floor)[0].seq))
        connection.close()

    def look_before(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(look).result()
        return execute(sql, params, many, context)

    QuerySet.update(
        LoggedEvent.objects.filter(stream=stream, seq__lte=4),
        created_at=timezone.now() - timedelta(days=31),
    )
    with connection.execute_wrapper(look_before):
        pruning.prune(older_than=timezone.now() - timedelta(days=30))
    look()
    assert seen == [(0, 1), (4, 5)]
