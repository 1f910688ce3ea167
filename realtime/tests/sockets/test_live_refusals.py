"""What a live socket refuses: one stream, one frame, or the connection."""

import pytest
from django.db.models import QuerySet

from crews.models import Crew
from realtime.log import streams
from realtime.rate_limit import RateLimit
from realtime.sockets.live import BEGINNINGS_A_SECOND, BEGINNINGS_BURST
from realtime.sockets.subscribe_frames import STREAMS_AT_MOST
from realtime.tests.sockets.helpers import alive, close_of, frames_until, subscribe, work

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("since", [-1, 1.5, True, "1", "x", [], {}], ids=str)
def test_a_malformed_position_refuses_the_stream(acme, run, live, since):
    name = streams.run(run.pk)
    subscribe(live, name, since=since)
    assert close_of(live, name) == (4400, "since is a whole number.")
    subscribe(live, name)
    assert frames_until(live, type="boot")


def test_a_refused_stream_ends_no_other(acme, globex, run, live):
    subscribe(live, streams.run(run.pk))
    frames_until(live, type="boot")
    foreign = globex.start_run()
    names = [streams.run(foreign.pk), streams.graph(globex.crew.pk), streams.run(MISSING)]
    names += [streams.mission(globex.crew.pk), "run:x", "run", "metrics:", "run:", "", "a:b:c"]
    for name in names:
        subscribe(live, name)
        assert close_of(live, name) == (4404, "Not found.")
    work(run, run.plan["tasks"][0])
    assert frames_until(live, type="task_end")[-1]["stream"] == streams.run(run.pk)


def test_what_changes_nothing_is_answered_with_the_stream(acme, run, live):
    name = streams.run(run.pk)
    live.send({"type": "unsubscribe", "streams": [name, "nothing"]})
    for unknown in (name, "nothing"):
        error = frames_until(live, type="error_message")[-1]
        assert (error["code"], error["stream"]) == ("not_subscribed", unknown)
    subscribe(live, name, name.upper().replace("RUN", "run"))
    error = frames_until(live, type="error_message")[-1]
    assert (error["code"], error["stream"]) == ("already_subscribed", name)
    for _ in range(4):  # more than malformed frames that close a socket
        subscribe(live, name)
        frames_until(live, type="error_message")
    work(run, run.plan["tasks"][0])
    assert frames_until(live, type="task_end")


@pytest.mark.parametrize("kind", ["graph", "mission"])
def test_a_stream_and_all_of_its_kind_are_not_followed_together(acme, live, kind):
    one = f"{kind}:{acme.crew.pk}"
    for first, second in ((one, kind), (kind, one)):
        subscribe(live, first)
        frames_until(live, type="hello")
        subscribe(live, second)
        close = frames_until(live, type="close")[-1]
        assert (close["stream"], close["code"]) == (second, 4400)
        assert close["reason"] == f"This socket has {first} already. Unsubscribe it first."
        live.send({"type": "unsubscribe", "stream": first})
        frames_until(live, type="unsubscribed")


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "subscribe"},
        {"type": "subscribe", "stream": 1},
        {"type": "subscribe", "stream": "x" * 101},
        {"type": "subscribe", "streams": "run"},
        {"type": "subscribe", "streams": ["run"]},
        {"type": "subscribe", "streams": [{"stream": "graph"}, {}]},
        {"type": "subscribe", "streams": [1] * 501},
        {"type": "unsubscribe"},
        {"type": "unsubscribe", "streams": [{"stream": "graph"}]},
        {"type": "publish"},
    ],
    ids=str,
)
def test_a_malformed_frame_changes_nothing_and_repeated_closes(live, frame):
    for _ in range(3):
        live.send(frame)
    frames = [f for f in live.rest() if f["type"] != "ping"]
    assert [(f["type"], f["code"]) for f in frames] == [("error_message", "malformed")] * 3
    assert all("subscribe" in f["detail"] for f in frames)
    assert live.code == 4400


def test_too_many_frames_close_the_socket(live):
    for _ in range(100):
        live.send({"type": "unsubscribe", "stream": "mission"})
    live.rest()
    assert live.code == 4429


def test_so_many_streams_and_no_more(acme, run, live):
    QuerySet(Crew).bulk_create(
        Crew(organization=acme.organization, name=f"{n}", slug=f"c{n}")
        for n in range(STREAMS_AT_MOST)
    )
    crews = Crew.objects.order_by("slug").values_list("pk", flat=True)[:STREAMS_AT_MOST]
    names = [streams.mission(crew) for crew in crews]
    in_frames = [names[n : n + 100] for n in range(0, STREAMS_AT_MOST, 100)]
    for part in in_frames:
        live.send({"type": "subscribe", "streams": [{"stream": name} for name in part]})
    begun = set()
    while len(begun) < STREAMS_AT_MOST:
        begun.add(live.until(type="hello")[-1]["stream"])
    assert begun == set(names)
    one_more = streams.run(run.pk)
    subscribe(live, one_more)
    assert close_of(live, one_more) == (
        4429, "A socket has at most 500 streams. Unsubscribe some first.",
    )  # fmt: skip
    assert alive(live)


def test_more_streams_than_a_socket_may_have_do_not_begin_at_once():
    rate = RateLimit(BEGINNINGS_A_SECOND, BEGINNINGS_BURST)
    begun = [rate.allows() for _ in range(1_000)].count(True)
    assert STREAMS_AT_MOST <= begun < STREAMS_AT_MOST + 200
