"""What /metrics says, and to whom, on live processes that share their counts."""

import signal
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from realtime import log, metrics
from realtime.log import publish, streams
from realtime.tests.sockets.helpers import finish
from runs.events.kinds import Error
from runs.execution import controls
from runs.models import Run, Worker
from tests import plain_http
from tests.events import sample
from tests.live import Web, eventually

AUTHORIZED = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}

Samples = dict[tuple, float]


def scrape(web: Web) -> Samples:
    """``{(name, label value, ...): value}``, the labels in the order of their names."""
    answer = plain_http.get(f"{web.origin}/metrics", headers=AUTHORIZED)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


class Changes:
    """How far counters have come since this began: other tests count in the same files."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._before = scrape(web)

    def of(self, *sample: str) -> float:
        return scrape(self._web).get(sample, 0) - self._before.get(sample, 0)

    def eventually(self, count: float, *sample: str) -> None:
        eventually(lambda: self.of(*sample) == count)


def settled(web: Web) -> Changes:
    """From when all that was delivered before is counted, which a sweep does."""
    before = Changes(web)
    eventually(lambda: before.of("crewops_sweeps_total") >= 2)
    return Changes(web)


class TestAccess:
    def test_without_a_token_set_there_are_none_and_it_says_why(self, client, settings):
        settings.METRICS_TOKEN = ""
        for headers in ({}, {"Authorization": "Bearer "}, AUTHORIZED):
            response = client.get("/metrics", headers=headers)
            assert response.status_code == 404
            assert "METRICS_TOKEN is not set" in response.content.decode()

    @pytest.mark.parametrize(
        "given", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer é", "Basic {}", "{}"]
    )
    def test_the_answer_to_a_request_without_the_token_says_what_to_send(self, client, given):
        header = given and given.format(settings.METRICS_TOKEN)
        response = client.get(
            "/metrics", headers={} if given is None else {"Authorization": header}
        )
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert settings.METRICS_TOKEN not in response.content.decode()

    @pytest.mark.django_db
    def test_with_the_token_it_is_text_for_prometheus(self, client):
        response = client.get("/metrics", headers=AUTHORIZED)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "crewops_database_up 1.0" in response.content.decode()


@pytest.mark.django_db(transaction=True)
class TestFirstScrape:
    """A counter that appears at 1 hides its first event from `increase()`."""

    @pytest.fixture
    def fresh(self, tmp_path) -> Iterator[Web]:
        web = Web(METRICS_DIR=str(tmp_path), METRICS_TOKEN=settings.METRICS_TOKEN)
        yield web
        web.stop()

    def test_every_metric_with_labels_has_its_known_series_at_zero(self, fresh):
        seen = scrape(fresh)
        for series in (
            ("crewops_runs_ended_total", "worker_lost", "failed"),
            ("crewops_runs_ended_total", "", "succeeded"),
            ("crewops_sockets_closed_total", "4408", "run"),
            ("crewops_tool_seconds_count", "error", "git_clone"),
            ("crewops_http_request_seconds_count", "GET", "500"),
            ("crewops_resets_total", "pruned"),
            ("crewops_hop_seconds_count", "publish"),
            ("crewops_hop_seconds_count", "receive"),
        ):
            assert seen[series] == 0, series
        names = {name for name, *_ in seen}
        ours = [metric for metric in REGISTRY.collect() if metric.name.startswith("crewops_")]
        # One without labels is made with the process; of each other one something has to be known.
        missing = [
            metric.name
            for metric in ours
            if not any(name.startswith(metric.name) for name in names)
        ]
        assert len(ours) > 10
        assert missing == []


@pytest.mark.django_db(transaction=True)
class TestDelivery:
    @pytest.fixture
    def run(self, acme) -> Run:
        return acme.start_run()

    @pytest.fixture
    def second(self) -> Iterator[Web]:
        web = Web()
        yield web
        web.stop()

    def test_sockets_of_all_processes_are_counted_by_kind(self, web, second, acme, run):
        path = f"/ws/runs/{run.pk}"
        before = Changes(web)
        with web.socket(path, acme.viewer) as one, second.socket(path, acme.viewer) as two:
            one.until(type="boot")
            two.until(type="boot")
            with second.socket("/ws/mission", acme.viewer) as three:
                three.until(type="signal")
                for _ in range(5):  # whichever answers
                    assert (before.of("crewops_sockets", "run")) == 2
                    assert scrape(second)["crewops_sockets", "mission"] == 1
        before.eventually(0, "crewops_sockets", "run")
        before.eventually(2, "crewops_sockets_closed_total", "1000", "run")

    def test_the_sockets_of_a_killed_process_are_not_open(self, web, acme, run):
        second = Web()
        before = Changes(web)
        with second.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
            socket.until(type="boot")
            assert before.of("crewops_sockets", "run") == 1
            second.stop(signal.SIGKILL)
            assert before.of("crewops_sockets", "run") == 0

    def test_events_and_deliveries_are_counted_and_their_latency(self, web, acme, run):
        path = f"/ws/runs/{run.pk}"
        with web.socket(path, acme.viewer) as one, web.socket(path, acme.viewer) as two:
            for socket in (one, two):
                socket.until(type="boot")
            before = settled(web)
            finish(run)
            number, other = (sum("seq" in f for f in s.rest()) for s in (one, two))  # no pings
            assert number == other
        before.eventually(2 * number, "crewops_deliveries_total")
        before.eventually(number, "crewops_events_total", "run")
        before.eventually(number, "crewops_delivery_seconds_count")
        assert before.of("crewops_delivery_seconds_bucket", "10.0") == number
        assert before.of("crewops_sweeps_total") >= 1

    def test_each_hop_of_an_event_is_measured(self, web, acme, run, monkeypatch):
        monkeypatch.setattr(publish, "_sampled_at", float("-inf"))
        stream = streams.run(run.pk)
        with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
            socket.until(type="boot")
            before = settled(web)
            entries = log.append(stream, [sample(Error, str(acme.crew.pk), str(run.pk))])
            publish.on_commit(stream, entries)
            socket.until(type="error")
            socket.send({"type": "rendered", "stream": stream, "ms": 5})
            for hop in ("commit", "publish", "receive", "hub", "write", "render"):
                eventually(lambda hop=hop: before.of("crewops_hop_seconds_count", hop) > 0)

    def test_what_redis_did_not_bring_is_counted_as_healed(self, web, acme, run):
        with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
            socket.until(type="boot")
            before = Changes(web)
            # Logged and never published, as while Redis is away.
            log.append(streams.run(run.pk), [sample(Error, str(acme.crew.pk), str(run.pk))])
            socket.until(type="error")
        before.eventually(1, "crewops_healed_events_total")

    def test_a_redis_that_takes_nothing_is_counted(self, web, acme, settings):
        before = Changes(web)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        acme.start_run()
        acme.start_run()  # within the second that publishing rests
        assert before.of("crewops_publish_failures_total") == 1
        assert before.of("crewops_publish_skipped_total") >= 1


@pytest.mark.django_db(transaction=True)
class TestWork:
    def test_runs_and_tools_are_counted_in_the_worker(self, web, acme, worker):
        before = Changes(web)
        run = Run.objects.request(crew=acme.crew)
        eventually(lambda: Run.objects.filter(pk=run.pk, status="succeeded").exists(), within_s=30)
        before.eventually(1, "crewops_runs_ended_total", "", "succeeded")
        before.eventually(2, "crewops_tool_seconds_count", "success", "script")
        tier = Worker.objects.get().tier
        assert scrape(web)["crewops_workers", tier] == 1

    def test_a_lost_run_is_counted_where_it_was_ended(self, web, acme):
        before = Changes(web)
        acme.start_run().finish("failed", reason="worker_lost")
        assert before.of("crewops_runs_ended_total", "worker_lost", "failed") == 1

    def test_the_queue_is_reported_with_its_age(self, web, acme):
        assert scrape(web)["crewops_queue_seconds",] == 0
        Run.objects.create(crew=acme.crew)
        acme.start_run()
        now = scrape(web)
        assert now["crewops_runs", "queued"] == now["crewops_runs", "running"] == 1
        assert 0 < now["crewops_queue_seconds",] < 60

    def test_a_run_that_a_pause_holds_back_is_counted_apart(self, web, acme):
        run = Run.objects.create(crew=acme.crew)
        controls.ask(run, "pause")
        now = scrape(web)
        assert (now["crewops_runs", "queued"], now["crewops_runs", "held"]) == (0, 1)
        assert now["crewops_queue_seconds",] == 0

    def test_a_rollback_counts_nothing(self, web, acme):
        run = acme.start_run()
        before = Changes(web)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run.finish("succeeded")
            raise ZeroDivisionError
        assert before.of("crewops_runs_ended_total", "", "succeeded") == 0

    def test_requests_are_counted_but_health_checks(self, web):
        before = Changes(web)
        plain_http.get(f"{web.origin}/login/")
        plain_http.request("PROPFIND", f"{web.origin}/login/")
        plain_http.get(f"{web.origin}/healthz")
        before.eventually(1, "crewops_http_request_seconds_count", "GET", "200")
        before.eventually(1, "crewops_http_request_seconds_count", "other", "403")


@pytest.mark.parametrize(
    ("code", "label"),
    [(1000, "1000"), (4408, "4408"), (4999, "other"), (3000, "other"), (None, "other")],
)
def test_a_client_cannot_make_labels(code, label):
    assert metrics.code_label(code) == label


def test_a_flood_of_events_costs_no_more_than_a_few_observations():
    tally = metrics.Tally()
    for _ in range(10_000):
        tally.delivered(
            "run:a", '{"type":"done","timestamp":"2026-01-01T00:00:00.000000Z"}', 3, 0.001
        )
    assert len(tally._newest) == metrics.LATENCIES_A_SWEEP
