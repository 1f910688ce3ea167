"""Order of queued runs, and limits of running ones."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.app.task import Context
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.contextvars import get_contextvars

from crews.models import Crew
from runs.execution import reaper, run_queue
from runs.execution.worker import execute_run
from runs.models import Run

pytestmark = pytest.mark.usefixtures("worker_alive")


@pytest.fixture
def announced(monkeypatch) -> list[str]:
    """Ids of the runs that were announced to workers."""
    ids: list[str] = []
    monkeypatch.setattr(execute_run, "apply_async", lambda args, **options: ids.append(args[0]))
    return ids


def queue(crew: Crew, number: int) -> list[Run]:
    return [Run.objects.create(crew=crew) for _ in range(number)]


def start(number: int) -> list[Run]:
    return [run for _ in range(number) if (run := run_queue.claim(worker="w"))]


def limit(record, number: int | None) -> None:
    record.max_active_runs = number
    record.save(update_fields=["max_active_runs"])


class TestTurns:
    def test_a_single_run_does_not_wait_for_the_sixty_of_another_organization(self, acme, globex):
        queue(acme.crew, 60)
        [single] = queue(globex.crew, 1)
        assert single in start(2)

    def test_it_does_not_wait_where_the_sixty_have_begun_to_start(self, acme, globex):
        queue(acme.crew, 60)
        start(4)
        [single] = queue(globex.crew, 1)
        assert start(1) == [single]

    def test_organizations_take_turns_whatever_they_have_waiting(self, acme, globex):
        queue(acme.crew, 20)
        queue(globex.crew, 5)
        crews = [run.crew_id for run in start(10)]
        assert Counter(crews) == {acme.crew.pk: 5, globex.crew.pk: 5}
        assert all(one != other for one, other in itertools.pairwise(crews))

    def test_the_crews_of_an_organization_take_turns_and_get_one_share_of_it(
        self, acme, second, globex
    ):
        for crew in (acme.crew, second, globex.crew):
            queue(crew, 10)
        crews = Counter(run.crew_id for run in start(12))
        assert crews == {acme.crew.pk: 3, second.pk: 3, globex.crew.pk: 6}

    def test_runs_of_a_crew_start_as_they_were_asked_for(self, acme):
        runs = queue(acme.crew, 4)
        assert start(5) == runs

    def test_a_message_names_no_run(self, acme, globex, monkeypatch):
        carried_out = []
        monkeypatch.setattr("runs.execution.worker.execute", carried_out.append)
        first, other = *queue(acme.crew, 1), *queue(globex.crew, 1)
        for _ in range(3):  # it comes again
            execute_run.apply(args=[str(other.pk)])
        assert carried_out == [first, other]

    def test_the_log_names_a_request_only_for_the_run_that_it_asked_for(
        self, acme, globex, monkeypatch
    ):
        logged = []
        monkeypatch.setattr(
            "runs.execution.worker.execute", lambda run: logged.append(get_contextvars())
        )
        first, other = *queue(acme.crew, 1), *queue(globex.crew, 1)
        message = SimpleNamespace(request=Context(hostname="w", request_id="please-run-it"))
        monkeypatch.setattr("runs.execution.worker.current_task", message)
        for _ in range(2):
            execute_run.run(str(other.pk))
        assert [entry["run_id"] for entry in logged] == [str(first.pk), str(other.pk)]
        assert [entry.get("request_id") for entry in logged] == [None, "please-run-it"]

    def test_what_is_read_does_not_grow_with_the_runs_that_have_ended(self, acme):
        for run in queue(acme.crew, 5):
            run.finish("cancelled")
        queue(acme.crew, 2)
        with CaptureQueriesContext(connection) as queries:
            run_queue.crew_queues()
        assert len(queries) == 2
        for query in queries:
            assert "status" in query["sql"].partition("WHERE")[2]


class TestLimits:
    def test_of_a_crew_and_of_its_organization(self, acme, second):
        queue(acme.crew, 5)
        queue(second, 5)
        limit(acme.crew, 1)
        limit(acme.organization, 4)
        assert Counter(run.crew_id for run in start(10)) == {acme.crew.pk: 1, second.pk: 3}

    def test_of_the_settings_where_there_is_none_of_its_own(self, acme, globex, settings):
        settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION = 3
        settings.MAX_ACTIVE_RUNS_PER_CREW = 2
        limit(globex.organization, 1)
        limit(globex.crew, 5)
        queue(acme.crew, 5)
        queue(globex.crew, 5)
        assert Counter(run.crew_id for run in start(10)) == {acme.crew.pk: 2, globex.crew.pk: 1}

    def test_a_full_organization_keeps_no_other_waiting(self, acme, globex):
        limit(acme.organization, 1)
        queue(acme.crew, 5)
        runs = queue(globex.crew, 3)
        assert start(10)[1:] == runs

    def test_a_lower_one_ends_nothing_and_starts_nothing_until_there_is_a_place(self, acme):
        runs = queue(acme.crew, 5)
        start(3)
        limit(acme.crew, 2)
        for ended, started in ((0, 0), (1, 1), (2, 1)):
            Run.objects.get(pk=runs[ended].pk).finish("failed")
            assert len(start(5)) == started

    @pytest.mark.django_db(transaction=True)
    def test_are_never_exceeded_by_claims_at_the_same_time(self, acme, globex):
        limit(acme.organization, 3)
        limit(globex.crew, 2)
        queue(acme.crew, 10)
        queue(globex.crew, 10)

        def claim(number: int) -> Run | None:
            try:
                return run_queue.claim(worker=f"w{number}")
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            claimed = [run for run in pool.map(claim, range(16)) if run]
        assert len({run.pk for run in claimed}) == len(claimed) == 5
        assert Counter(run.crew_id for run in claimed) == {acme.crew.pk: 3, globex.crew.pk: 2}


@pytest.mark.django_db(transaction=True)
class TestWaking:
    def test_a_run_that_ends_wakes_the_one_that_may_go(self, acme, globex, announced):
        limit(acme.crew, 2)
        runs = queue(acme.crew, 4)
        queue(globex.crew, 2)
        started = start(4)
        assert announced == []
        next(run for run in started if run.crew_id == acme.crew.pk).finish("failed")
        assert announced == [str(runs[2].pk)]

    def test_without_a_limit_each_run_has_its_own_message(self, acme, announced):
        queue(acme.crew, 4)
        start(1)[0].finish("failed")
        assert announced == []

    def test_a_limit_that_is_raised_wakes_as_many_as_may_go(self, acme, second, announced):
        limit(acme.organization, 1)
        first, others = queue(acme.crew, 4), queue(second, 2)
        start(1)
        limit(acme.organization, 4)
        assert announced == [str(run.pk) for run in (others[0], first[1], others[1])]
        announced.clear()
        limit(acme.crew, 9)
        assert len(announced) == 3  # the organization's places
        announced.clear()
        limit(acme.organization, 2)
        assert announced == [str(others[0].pk)]

    def test_a_sweep_announces_none_that_has_no_place(self, acme, globex, announced, monkeypatch):
        monkeypatch.setattr(reaper, "ANNOUNCE_AGAIN_AFTER", -timedelta(hours=1))
        limit(acme.crew, 1)
        queue(acme.crew, 3)
        [other] = queue(globex.crew, 1)
        assert [run.crew_id for run in start(1)] == [acme.crew.pk]
        reaper.sweep()
        assert announced == [str(other.pk)]
