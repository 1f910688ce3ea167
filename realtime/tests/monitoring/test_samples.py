"""Samples: sums of several processes, each organization's own, once, bounded and pruned."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conftest import Tenant, make_tenant
from realtime import latency
from realtime.counting import Counts
from realtime.delivery.node import Sockets
from realtime.log import streams
from realtime.models import MetricSample, ProcessReport
from realtime.monitoring import samples
from realtime.monitoring.collecting import Collector
from realtime.monitoring.process_reports import ProcessReportWriter
from realtime.monitoring.samples import LONG_S, SHORT_S, Recorder, keep, prune, summarize
from runs.execution import controls, retention
from runs.models import Run, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def only_process(db) -> None:
    """A live server of other tests may still run: it cannot write a report during the test."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {ProcessReport._meta.db_table} IN EXCLUSIVE MODE")
    ProcessReport.objects.all().delete()


@pytest.fixture
def globex() -> Tenant:
    return make_tenant("globex")


def report_of(tenant: Tenant, deliveries: int, sockets: int) -> ProcessReportWriter:
    """A process that has delivered events of the tenant, and reports it."""
    counts = Counts()
    reporter = ProcessReportWriter(counts)
    stream = streams.graph(tenant.crew.pk)
    counts.add("deliveries", stream, deliveries)
    counts.observe("write", stream, 0.002)
    connections = {number + id(counts) for number in range(sockets)}
    reporter.report(Sockets(sockets, {stream: (connections, 1)}), has_redis=True)
    return reporter


class TestReports:
    def test_several_processes_are_summed_and_organizations_are_apart(self, acme, globex):
        for tenant, deliveries in ((acme, 10), (acme, 20), (globex, 400)):
            report_of(tenant, deliveries, sockets=2)
        ProcessReport.objects.update(recent_s=2.0)
        collected = Collector().collect()
        own = collected.of(acme.organization.pk)
        assert (own["deliveries"], own["sockets"], own["behind"]) == (15, 4, 2)
        assert collected.of(None)["deliveries"] == 215
        assert collected.of(None)["sockets"] == 6
        assert collected.of(None)["processes"] == 3
        assert own["latency"] == {"write": {latency.bucket(0.002): 2}}
        assert collected.of(None)["latency"]["write"] == {latency.bucket(0.002): 3}

    def test_a_process_that_has_ended_is_not_counted(self, acme):
        report_of(acme, 10, sockets=5)
        ProcessReport.objects.update(reported_at=timezone.now() - timedelta(seconds=20))
        assert Collector().collect().of(None)["sockets"] == 0

    def test_a_process_without_redis_is_named(self, acme):
        report_of(acme, 1, 1)
        ProcessReport.objects.update(has_redis=False)
        assert Collector().collect().without_redis == 1

    def test_without_news_nothing_is_written(self, acme):
        reporter = report_of(acme, 10, 1)
        reporter.report(has_redis=True)  # that there is nothing any more is news
        with CaptureQueriesContext(
            connection,
        ) as queries:
            reporter.report(has_redis=True)
        assert len(queries) == 0

    def test_a_socket_that_follows_two_crews_of_an_organization_counts_once(self, acme):
        mission, graph = streams.mission(acme.crew.pk), streams.graph(acme.crew.pk)
        ProcessReportWriter(Counts()).report(Sockets(1, {mission: ({7}, 0), graph: ({7}, 0)}))
        assert Collector().collect().of(acme.organization.pk)["sockets"] == 1

    def test_counts_of_a_stream_without_a_record_are_in_the_sum(self):
        counts = Counts()
        counts.add("healed", "run:11111111-1111-1111-1111-111111111111", 4)
        counts.add("healed", "run:nonsense", 1)
        ProcessReportWriter(counts).report()
        ProcessReport.objects.update(recent_s=1.0)
        assert Collector().collect().of(None)["healed"] == 5

    def test_the_organizations_of_a_process_are_bounded(self, acme, globex, monkeypatch):
        monkeypatch.setattr("realtime.monitoring.process_reports.ORGANIZATIONS", 1)
        counts = Counts()
        for tenant in (acme, globex):
            counts.add("deliveries", streams.graph(tenant.crew.pk), 5)
        ProcessReportWriter(counts).report()
        totals = ProcessReport.objects.get().totals
        assert len(totals) == 2
        assert totals["all"]["numbers"] == {"deliveries": 10}


class TestEvents:
    def test_events_are_counted_in_the_log_by_organization(self, acme, globex):
        began = timezone.now()
        acme.start_run()
        globex.start_run()
        globex.start_run()
        numbers = Collector().events(began, timezone.now())
        own = numbers[acme.organization.pk]
        assert own >= 1
        assert numbers[globex.organization.pk] == 2 * own or numbers[globex.organization.pk] > own
        assert numbers[None] == own + numbers[globex.organization.pk]

    def test_runs_and_workers_are_those_of_the_organization(self, acme, globex):
        Worker.objects.beat("w", slots=4)
        acme.start_run()
        Run.objects.create(crew=globex.crew)
        collected = Collector().collect()
        own, whole = collected.of(acme.organization.pk), collected.of(None)
        assert (own["running"], own["slots_used"], own["queued"]) == (1, 1, 0)
        assert "slots" not in own
        assert (whole["running"], whole["queued"], whole["slots"]) == (1, 1, 4)

    def test_a_run_that_is_paused_in_the_queue_is_held_back_and_does_not_wait(self, acme):
        run = Run.objects.create(crew=acme.crew)
        run.created_at -= timedelta(minutes=1)
        run.save(update_fields=["created_at"])
        controls.ask(run, "pause")
        own = Collector().collect().of(acme.organization.pk)
        assert (own["queued"], own["held"], own["queue_s"]) == (0, 1, 0)
        controls.ask(run, "resume")
        own = Collector().collect().of(acme.organization.pk)
        assert (own["queued"], own["held"]) == (1, 0)
        assert own["queue_s"] >= 60


class TestRecorder:
    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() // SHORT_S * SHORT_S, UTC)

    def test_a_sample_has_rates_and_is_kept_once(self, acme):
        recorder_ = Recorder()
        report_of(acme, 50, sockets=3)
        row = ProcessReport.objects.get()
        ProcessReport.objects.update(began=row.totals_at - 5)
        recorder_._began -= 60
        acme.start_run()
        at = datetime.now(UTC) - timedelta(seconds=5)
        recorder_.record(at)
        Recorder().record(at)  # another scheduler
        short = MetricSample.objects.filter(seconds=SHORT_S)  # a long one may end at this time
        whole = short.get(organization=None)
        own = short.get(organization=acme.organization)
        assert whole.figures["deliveries"] == own.figures["deliveries"] == 10
        assert whole.figures["events"] == own.figures["events"] > 0
        assert own.figures["sockets"] == 3
        assert own.figures["latency"]["write"] == {latency.bucket(0.002): 1}

    def test_the_same_totals_are_not_counted_twice(self, acme):
        recorder_ = Recorder()
        report_of(acme, 50, 1)
        at = self.now()
        recorder_.record(at)
        recorder_.record(at + timedelta(seconds=SHORT_S))
        short = MetricSample.objects.filter(seconds=SHORT_S)
        later = short.get(organization=None, at=at + timedelta(seconds=SHORT_S))
        assert "deliveries" not in later.figures

    def test_a_process_that_counted_before_the_recorder_began_gives_no_peak(self, acme):
        report_of(acme, 5000, 1)
        ProcessReport.objects.update(began=time.time() - 3600)
        Recorder().record(self.now())
        sample = MetricSample.objects.get(seconds=SHORT_S, organization=None)
        assert "deliveries" not in sample.figures

    def test_an_organization_with_nothing_has_no_row(self, acme, globex):
        at = datetime.now(UTC)  # to make a crew is an event, too
        acme.start_run()
        Recorder().record(at)
        assert not MetricSample.objects.filter(organization=globex.organization).exists()

    def test_the_organizations_of_a_sample_are_bounded(self, acme, globex, monkeypatch):
        monkeypatch.setattr(samples, "ORGANIZATIONS", 1)
        found = {
            None: {"events": 9, "latency": {}},
            acme.organization.pk: {"events": 2, "latency": {}},
            globex.organization.pk: {"events": 7, "latency": {}},
        }
        keep(self.now(), SHORT_S, found)
        owned = MetricSample.objects.exclude(organization=None)
        assert [row.organization for row in owned] == [globex.organization]

    def test_long_samples_are_means_of_complete_times_and_made_once(self, acme):
        end = datetime.fromtimestamp(time.time() // LONG_S * LONG_S, UTC)
        start = end - timedelta(seconds=LONG_S)
        for number in range(12):
            at = start + timedelta(seconds=number * SHORT_S)
            found = {None: {"events": number, "queued": number, "latency": {"hub": {"4": 1}}}}
            if number < 3:
                found[acme.organization.pk] = {"events": 12, "latency": {}}
            keep(at, SHORT_S, found)
        keep(end, SHORT_S, {None: {"events": 1000, "latency": {}}})  # of a time that goes on
        for _ in range(2):
            summarize(end + timedelta(seconds=SHORT_S))
        whole = MetricSample.objects.get(seconds=LONG_S, organization=None)
        assert whole.at == start
        assert whole.figures == {"events": 5.5, "queued": 11, "latency": {"hub": {"4": 12}}}
        own = MetricSample.objects.get(seconds=LONG_S, organization=acme.organization)
        assert own.figures["events"] == 3

    def test_old_samples_and_reports_are_pruned(self, acme, monkeypatch):
        monkeypatch.setattr(samples, "BATCH", 2)
        report_of(acme, 1, 1)
        report_of(acme, 1, 1)
        first = ProcessReport.objects.first()
        ProcessReport.objects.filter(pk=first.pk).update(
            reported_at=timezone.now() - timedelta(seconds=samples.REPORTS_KEPT_S + 5)
        )
        for seconds, kept_s in samples.KEPT_S.items():
            for age_s in (*range(kept_s + 5, kept_s + 10), kept_s - 60):
                at = timezone.now() - timedelta(seconds=age_s)
                MetricSample.objects.create(at=at, seconds=seconds, figures={})
        prune()
        assert MetricSample.objects.count() == 2
        assert ProcessReport.objects.count() == 1

    def test_cleaning_prunes_too(self):
        at = timezone.now() - timedelta(days=30)
        MetricSample.objects.create(at=at, seconds=LONG_S, figures={})
        retention.clean()
        assert not MetricSample.objects.exists()

    def test_the_samples_of_a_deleted_organization_go_with_it(self, globex):
        about = {"at": timezone.now(), "seconds": SHORT_S, "figures": {}}
        MetricSample.objects.create(organization=globex.organization, **about)
        globex.crew.tasks.all().delete()
        globex.crew.delete()
        globex.organization.delete()
        assert not MetricSample.objects.exists()

    def test_the_database_keeps_few_rows(self):
        kept = sum(kept_s / seconds for seconds, kept_s in samples.KEPT_S.items())
        assert kept <= 1_200  # for everything, and as many for each organization at most
