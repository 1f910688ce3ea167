"""A socket whose client is slow: its access changes before all has begun, or it ends."""

import json
from collections.abc import AsyncIterator
from threading import Event as ThreadEvent

import pytest
from django.test import override_settings

from realtime.close_codes import CloseCode
from realtime.delivery import stuck_readers
from realtime.delivery.grants import Grant
from realtime.log import streams
from realtime.sockets import auth, graph, socket
from realtime.sockets.auth import Identity
from realtime.sockets.start_position import NewSocketStart
from realtime.tests.sockets.several_crews import A, Crews, X, Y, seeing
from tests.waiting import comes_true

A_BEGUN = ("hello A", "snapshot A")


@pytest.fixture
def reading() -> ThreadEvent:
    """Cleared while snapshots take long."""
    event = ThreadEvent()
    event.set()
    return event


@pytest.fixture
async def crews(monkeypatch, reading) -> AsyncIterator[Crews]:
    def snapshot(stream: str) -> NewSocketStart:
        assert reading.wait(30)
        return NewSocketStart(
            crews.heads[stream], [json.dumps({"type": "snapshot", "stream": stream})]
        )

    async def identify(scope: dict) -> Identity:
        return Identity(user_id=1, credential="")

    with override_settings(REALTIME_SWEEP_S=3600):
        crews = Crews()
        monkeypatch.setattr(socket, "get_channel_layer", lambda alias: crews)
        monkeypatch.setattr(auth, "identify", identify)
        monkeypatch.setattr(graph, "_snapshot", snapshot)
        yield crews
        reading.set()
        await crews.end()
        await crews.hub.close()
    assert crews.hub.feeds == {}, "the socket has not left every group"


@pytest.mark.parametrize(("change", "code"), [("member removed", 4403), ("token expired", 4401)])
async def test_access_is_checked_while_the_streams_begin(crews, change, code):
    crews.far.room = 2  # it is full after the first crew's snapshot
    crews.open(A, X)
    await comes_true(lambda: crews.far.waits)
    assert crews.watched == {crews.socket}
    if change == "member removed":
        crews.check(Grant(active=True))
    else:
        crews.socket.expired()
    await comes_true(lambda: crews.far.code)
    assert crews.far.code == code
    crews.emit(A)
    await crews.seen(*A_BEGUN)
    assert crews.watched == set()
    assert not any(feed.followers for feed in crews.hub.feeds.values())


async def test_a_crew_that_goes_while_the_streams_begin_is_not_sent(crews):
    crews.far.room = 2
    crews.open(A, X, Y)
    await comes_true(lambda: crews.far.waits)
    crews.check(seeing(X, Y))
    crews.emit(A)
    crews.far.read()
    begun = (*A_BEGUN, "hello X", "snapshot X", "gone A", "hello Y", "snapshot Y")
    await crews.seen(*begun)
    crews.emit(X)
    await crews.seen(*begun, "tool_start X")


async def test_a_crew_that_goes_and_comes_before_it_has_begun_begins_once(crews):
    crews.far.room = 2
    crews.open(A, X, Y)
    await comes_true(lambda: crews.far.waits)
    crews.check(seeing(A, X))
    crews.far.read(2)
    await comes_true(lambda: crews.far.waits)
    crews.check(seeing(A, X, Y))
    crews.far.read()
    begun = (*A_BEGUN, "hello X", "snapshot X", "gone Y")
    await crews.seen(*begun)
    crews.check(seeing(A, X, Y))
    await crews.seen(*begun, "hello Y", "snapshot Y")
    crews.emit(Y)
    await crews.seen(*begun, "hello Y", "snapshot Y", "tool_start Y")


@pytest.mark.parametrize("room", [0, 1], ids=["before the hello", "before the snapshot"])
async def test_a_new_crew_that_goes_before_it_has_begun_sends_nothing(crews, room):
    crews.open(A)
    await crews.seen(*A_BEGUN)
    await crews.group_add(streams.group(streams.graph(X)), "of another socket")
    crews.far.read(room)
    crews.check(seeing(A, X))
    await comes_true(lambda: crews.far.waits)
    crews.check(seeing(A))
    crews.far.read()
    await crews.seen(*A_BEGUN, "hello X", "gone X")
    crews.emit(X)
    await crews.seen(*A_BEGUN, "hello X", "gone X")
    assert crews.hub.feeds[streams.graph(X)].followers == set()
    crews.check(seeing(A, X))  # and it is given back
    again = (*A_BEGUN, "hello X", "gone X", "hello X", "snapshot X")
    await crews.seen(*again)
    crews.emit(X)
    await crews.seen(*again, "tool_start X")
    await crews.group_discard(streams.group(streams.graph(X)), "of another socket")


@pytest.mark.parametrize("stage", ["positions", "snapshots"])
async def test_other_new_crews_begin_when_one_goes_meanwhile(crews, reading, stage):
    crews.open(A)
    await crews.seen(*A_BEGUN)
    waiting = crews.answering if stage == "positions" else reading
    waiting.clear()
    crews.check(seeing(A, X, Y))
    await comes_true(lambda: {streams.graph(X), streams.graph(Y)} <= crews.socket.followers.keys())
    if stage == "snapshots":
        await comes_true(lambda: crews.hub.feeds[streams.graph(X)]._reads)
    crews.check(seeing(A, Y))
    waiting.set()
    await crews.seen(*A_BEGUN, "gone X", "hello Y", "snapshot Y")
    crews.emit(Y)
    await crews.seen(*A_BEGUN, "gone X", "hello Y", "snapshot Y", "tool_start Y")
    assert crews.far.code is None


async def test_a_new_crew_that_goes_while_it_is_joined_is_noticed_at_the_next_check(crews):
    crews.open(A)
    await crews.seen(*A_BEGUN)
    crews.joining.clear()
    crews.check(seeing(A, X))
    await comes_true(lambda: crews.joins == streams.graph(X))
    grant = seeing(A)
    crews.check(grant)
    crews.joining.set()
    await crews.seen(*A_BEGUN, "hello X", "snapshot X")
    crews.check(grant)
    await crews.seen(*A_BEGUN, "hello X", "snapshot X", "gone X")


async def test_a_client_that_goes_before_it_takes_gone_leaves_nothing(crews):
    crews.open(A)
    await crews.seen(*A_BEGUN)
    crews.far.read(0)
    crews.check(seeing(A, X))
    await comes_true(lambda: crews.far.waits)
    crews.check(seeing(A))
    await crews.end()
    assert crews.hub.feeds == {}


@pytest.mark.parametrize("reads", [True, False])
async def test_the_end_waits_for_the_client_but_not_for_ever(crews, monkeypatch, reads):
    crews.open(A)
    await crews.seen(*A_BEGUN)
    crews.far.read(0)
    if not reads:
        monkeypatch.setattr(stuck_readers, "STUCK_S", 0.01)
    crews.socket.soon(crews.socket.close(CloseCode.COMPLETE, "The run is complete."))
    await comes_true(lambda: crews.far.waits)
    if reads:
        assert crews.far.code is None
        crews.far.read()
    await comes_true(lambda: crews.far.code)
    assert crews.far.code == (1000 if reads else 4408)
