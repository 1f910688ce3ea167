"""The hops commit, publish and receive: what a process publishes, and what a web process observes.

Redis and the clocks are simulated. `tests/test_metrics.py` has all hops on live processes.
"""

import json
from collections import defaultdict
from types import SimpleNamespace

import pytest

from realtime import latency
from realtime.delivery import commit_samples
from realtime.delivery.commit_samples import PENDING, CommitSamples
from realtime.log import Entry, publish
from realtime.log.publish import ANSWERS, COMMITS

STREAM = "run:a"
EVENTS = [
    Entry(1, "error", '{"type":"error","timestamp":"2027-01-15T07:59:59.000000Z","seq":1}'),
    Entry(2, "error", '{"type":"error","timestamp":"2027-01-15T08:00:00.000000Z","seq":2}'),
]
COMMITTED = 1_800_000_000.25  # 0.25 s after the timestamp of the newest event


class Simulated:
    """A process that commits, a Redis and a web process.

    ``answer_s``: until the first process has the answer of Redis. ``hub_s``: until the web process
    has a message. ``ahead_s``: how far the clock of the web process is ahead.
    """

    is_open = False

    def __init__(self) -> None:
        self.answer_s, self.hub_s, self.ahead_s = 0.004, 0.010, 0.0
        self.fails = False
        self.ignored: set[str] = set()  # channels that the web process does not receive
        self.now = self.web_now = COMMITTED
        self.round_trips: list[list[str]] = []  # the channels of each
        self.samples = CommitSamples()
        self.hops: defaultdict[str, list[float]] = defaultdict(list)

    def run(self, *commands: tuple[str, str, str]) -> list[int] | None:
        self.round_trips.append([channel for _, channel, _ in commands])
        self.web_now = self.now + self.hub_s + self.ahead_s
        self.now += self.answer_s
        if self.fails:
            return None
        for _, channel, text in commands:
            if channel == COMMITS and channel not in self.ignored:
                self.samples.receive_commit(text.encode())
            if channel == ANSWERS and channel not in self.ignored:
                self.samples.receive_answer(text.encode())
        return [1] * len(commands)

    def observe(self, hop: str, stream: str, seconds: float) -> None:
        assert stream == STREAM
        self.hops[hop].append(pytest.approx(seconds, abs=1e-6))

    def publish(self) -> dict[str, list[float]]:
        publish._publish(STREAM, EVENTS)
        return dict(self.hops)


@pytest.fixture
def simulated(monkeypatch) -> Simulated:
    simulated = Simulated()

    def now() -> float:
        return simulated.now

    clocks = SimpleNamespace(time=now, monotonic=now, perf_counter=now)
    monkeypatch.setattr(publish, "time", clocks)
    monkeypatch.setattr(publish, "quick_redis", lambda: simulated)
    monkeypatch.setattr(publish, "_sampled_at", float("-inf"))
    web_clock = SimpleNamespace(time=lambda: simulated.web_now)
    monkeypatch.setattr(commit_samples, "time", web_clock)
    monkeypatch.setattr("realtime.metrics.observe_hop", simulated.observe)
    return simulated


def test_each_hop_begins_where_the_one_before_has_ended(simulated):
    hops = simulated.publish()
    assert hops == {"commit": [0.25], "publish": [0.004], "receive": [0.006], "hub": [0.010]}


def test_a_sample_costs_one_more_round_trip_a_second(simulated):
    simulated.publish()
    assert simulated.round_trips == [[COMMITS, STREAM, STREAM], [ANSWERS]]
    for _ in range(50):
        simulated.publish()
    assert simulated.round_trips[2:] == [[STREAM, STREAM]] * 50
    simulated.now += publish.COMMIT_SAMPLE_S
    assert {len(seconds) for seconds in simulated.publish().values()} == {2}


def test_a_web_process_that_was_faster_than_the_answer_has_waited_for_nothing(simulated):
    simulated.hub_s = 0.001
    hops = simulated.publish()
    assert (hops["publish"], hops["receive"], hops["hub"]) == ([0.004], [0], [0.001])


@pytest.mark.parametrize(
    ("ahead_s", "receive_s", "hub_s"),
    [
        (0.2, 0.206, 0.210),
        (-0.002, 0.004, 0.008),
        (-3600.0, 0, 0),
        (3600.0, latency.LONGEST_S, latency.LONGEST_S),
    ],
)
def test_a_wrong_clock_of_a_web_process_never_makes_a_time_negative(
    simulated, ahead_s, receive_s, hub_s
):
    simulated.ahead_s = ahead_s
    hops = simulated.publish()
    assert (hops["receive"], hops["hub"]) == ([receive_s], [hub_s])
    assert (hops["commit"], hops["publish"]) == ([0.25], [0.004])  # measured by one clock


def test_a_process_of_an_older_version_sends_no_answer(simulated):
    simulated.ignored = {ANSWERS}
    assert simulated.publish() == {"commit": [0.25], "hub": [0.010]}


def test_a_web_process_that_connects_between_both_messages_knows_only_how_long_publishing_took(
    simulated,
):
    simulated.ignored = {COMMITS}
    assert simulated.publish() == {"publish": [0.004]}


def test_without_an_answer_of_redis_there_is_no_sample(simulated):
    simulated.fails = True
    assert simulated.publish() == {}
    assert simulated.round_trips == [[COMMITS, STREAM, STREAM]]


def test_samples_without_an_answer_take_bounded_memory(simulated):
    for number in range(PENDING + 5):
        commit = {"stream": STREAM, "committed": number, "commit_s": 0}
        simulated.samples.receive_commit(json.dumps(commit).encode())
    assert len(simulated.samples._received) == PENDING
    for number in (4, 5):  # the newest that was dropped, the oldest that was kept
        answer = {"stream": STREAM, "committed": number, "publish_s": 0}
        simulated.samples.receive_answer(json.dumps(answer).encode())
    assert len(simulated.hops["publish"]) == 2
    assert len(simulated.hops["receive"]) == 1


WRONG = (-1, latency.LONGEST_S + 1, float("nan"), float("inf"), "1", None)


@pytest.mark.parametrize("seconds", WRONG)
def test_what_is_no_sample_is_refused(simulated, seconds):
    sample = {"stream": STREAM, "committed": COMMITTED}
    for receive, name in (
        (simulated.samples.receive_commit, "commit_s"),
        (simulated.samples.receive_answer, "publish_s"),
    ):
        for wrong in (
            sample | {name: seconds},
            sample | {name: 0, "committed": float("inf")},
            sample | {name: 0, "stream": 5},
            [],
        ):
            with pytest.raises(ValueError, match="not a sample"):
                receive(json.dumps(wrong).encode())
    assert simulated.hops == {}
