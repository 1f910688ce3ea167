"""Pruning in batches over many streams keeps the guarantees of each stream."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import log
from realtime.log import pruning
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from runs.events.kinds import Done, ToolProgress
from tests.events import sample

OLD = timedelta(days=40)


@pytest.fixture
def moment(db):
    return timezone.now() - timedelta(days=30)


def append(stream: str, *, old: int, young: int = 0, closed: bool = False) -> None:
    """So many old events, then so many of today."""
    kinds = [ToolProgress] * (old + young)
    if closed:
        kinds[-1] = Done
    log.append(stream, [sample(kind) for kind in kinds])
    QuerySet.update(
        LoggedEvent.objects.filter(stream_id=stream, seq__lte=old),
        created_at=timezone.now() - OLD,
    )


def kept(stream: str) -> list[int]:
    return [entry.seq for entry in log.read(stream, 0)]


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_each_stream_keeps_what_it_must(moment, monkeypatch, batch):
    monkeypatch.setattr(pruning, "BATCH", batch)
    append("run:over", old=5, closed=True)
    append("run:partly", old=3, young=2)
    append("graph:open", old=4)
    append("mission:one", old=1)
    append("run:young", old=0, young=2)
    assert pruning.prune(older_than=moment) == 5 + 3 + 3
    assert kept("run:over") == []
    assert kept("run:partly") == [4, 5]
    assert kept("graph:open") == [4]
    assert kept("mission:one") == [1]
    assert kept("run:young") == [1, 2]
    floors = dict(Stream.objects.values_list("name", "floor"))
    assert floors["run:over"] == 5
    assert (floors["run:partly"], floors["graph:open"], floors["mission:one"]) == (3, 3, 0)
    assert pruning.prune(older_than=moment) == 0


def test_the_floor_follows_the_numbers_where_clocks_disagree(moment):
    append("run:skewed", old=2, young=3)
    QuerySet.update(
        LoggedEvent.objects.filter(stream_id="run:skewed", seq=4), created_at=timezone.now() - OLD
    )
    assert pruning.prune(older_than=moment) == 4
    assert kept("run:skewed") == [5]


def test_a_hundred_streams_cost_as_many_statements_as_one(moment):
    """Counted in what is prepared; one statement runs for each stream without a round trip."""
    append("run:0", old=3, closed=True)
    with CaptureQueriesContext(connection) as one:
        assert pruning.prune(older_than=moment) == 3
    for number in range(1, 101):
        append(f"run:{number}", old=3, closed=True)
    with CaptureQueriesContext(connection) as many:
        assert pruning.prune(older_than=moment) == 300
    assert len(many) == len(one)


def test_it_pauses_after_each_batch_and_may_be_stopped(moment, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    append("run:over", old=6, closed=True)

    def stop(took_s: float) -> None:
        assert took_s >= 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pruning.prune(older_than=moment, throttle=stop)
    assert kept("run:over") == [3, 4, 5, 6]
    assert Stream.objects.get(name="run:over").floor == 2


def test_old_events_are_found_by_their_age(moment):
    append("run:over", old=3, closed=True)
    with CaptureQueriesContext(connection) as asked:
        pruning.prune(older_than=moment)
    look = next(q["sql"] for q in asked if q["sql"].startswith("SELECT"))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {look}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {look}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    index = next(index.name for index in LoggedEvent._meta.indexes)
    assert index in plan, plan
