"""What a process counts: by organization, bounded, and latencies that can be added."""

import math

import pytest

from realtime import counting, latency
from realtime.counting import Counts
from realtime.monitoring.measured import average, percentiles, summed
from realtime.sockets.inbound import Malformed
from realtime.sockets.render_latency import LONGEST_MS, RenderTimes


def test_counts_begin_again_when_they_are_taken():
    counts = Counts()
    counts.add("deliveries", "run:a", 3)
    counts.add("deliveries", "run:a", 2)
    counts.observe("hub", "run:a", 0.01)
    counts.observe("hub", "run:a", 0.01)
    taken = counts.drain()
    assert taken.numbers == {("deliveries", "run:a"): 5}
    assert taken.latencies == {("hub", "run:a"): {latency.bucket(0.01): 2}}
    assert counts.drain() == ({}, {})


def test_a_flood_of_streams_takes_bounded_memory_and_is_still_in_the_sum(monkeypatch):
    monkeypatch.setattr(counting, "KEYS", 10)
    counts = Counts()
    for number in range(100):
        counts.add("deliveries", f"run:{number}")
        counts.observe("write", f"run:{number}", 0.1)
    taken = counts.drain()
    assert len(taken.numbers) == len(taken.latencies) == 11
    assert sum(taken.numbers.values()) == 100
    assert taken.numbers["deliveries", None] == 90


def test_calls_in_progress_end_with_an_error_too():
    counts = Counts()
    with pytest.raises(ZeroDivisionError), counts.ingest(7):
        assert counts.ingesting() == {7: 1}
        raise ZeroDivisionError
    assert counts.ingesting() == {}


@pytest.mark.parametrize("seconds", [0, 0.0004, 0.003, 0.25, 1.7, 59, 60])
def test_a_percentile_is_within_its_bucket(seconds):
    found = latency.quantile({latency.bucket(seconds): 5}, 0.5)
    assert found <= max(seconds * latency.GROWTH, latency.FIRST_S)
    assert found >= seconds / latency.GROWTH - latency.FIRST_S


def test_a_latency_out_of_bounds_counts_as_the_nearest_bound():
    assert latency.bucket(-5) == latency.bucket(0)
    assert latency.bucket(1e9) == latency.bucket(latency.LONGEST_S)
    assert latency.quantile({}, 0.5) is None


def test_latencies_of_several_processes_are_added():
    fast, slow = {latency.bucket(0.001): 90}, {latency.bucket(2): 10}
    both = latency.added([fast, slow])
    assert latency.quantile(both, 0.5) < 0.002
    assert latency.quantile(both, 0.95) > 1


def test_figures_of_organizations_are_summed_and_the_longest_wait_is_kept():
    one = {"events": 1, "sockets": 2, "queue_s": 5, "latency": {"hub": {"3": 1}}}
    other = {"events": 2.5, "sockets": 1, "queue_s": 9, "latency": {"hub": {"3": 2}, "write": {}}}
    total = summed([one, other])
    assert (total["events"], total["sockets"], total["queue_s"]) == (3.5, 3, 9)
    assert total["latency"] == {"hub": {"3": 3}}
    assert percentiles(total["latency"])["hub"]["count"] == 3


def test_an_average_counts_times_without_figures_and_keeps_peaks():
    mean = average([{"events": 12, "queued": 7, "sockets": 6, "latency": {}}], 12)
    assert (mean["events"], mean["queued"], mean["sockets"]) == (1, 7, 0.5)
    assert "slots" not in mean


class TestRenderTimes:
    @pytest.fixture
    def observed(self, monkeypatch) -> list[tuple]:
        observed = []
        monkeypatch.setattr("realtime.metrics.observe_hop", lambda *given: observed.append(given))
        return observed

    def test_a_measurement_is_counted_in_seconds(self, observed):
        RenderTimes().count({"stream": "run:a", "ms": 25}, {"run:a"})
        assert observed == [("render", "run:a", 0.025)]

    @pytest.mark.parametrize(
        "ms", [None, "5", True, -1, LONGEST_MS + 1, math.nan, math.inf, [], 10**400]
    )
    def test_what_is_no_time_is_malformed(self, observed, ms):
        with pytest.raises(Malformed, match="number"):
            RenderTimes().count({"stream": "run:a", "ms": ms}, {"run:a"})
        assert observed == []

    @pytest.mark.parametrize("stream", [None, 5, ["run:a"], {}])
    def test_what_is_no_stream_is_malformed(self, observed, stream):
        with pytest.raises(Malformed, match="stream"):
            RenderTimes().count({"stream": stream, "ms": 5}, {"run:a"})

    def test_one_of_a_stream_that_is_not_followed_is_ignored(self, observed):
        RenderTimes().count({"stream": "run:b", "ms": 5}, {"run:a"})
        assert observed == []

    def test_more_than_one_in_the_interval_are_ignored(self, observed):
        times = RenderTimes()
        for _ in range(50):
            times.count({"stream": "run:a", "ms": 5}, {"run:a"})
        assert len(observed) == 1
