"""What a crew is doing follows its runs and the workers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crews.models import Crew
from runs.execution import presence
from runs.models import Worker


def status(crew: Crew) -> str:
    return Crew.objects.get(pk=crew.pk).status


@pytest.fixture
def crew(worker_alive, acme) -> Crew:
    return acme.crew


def test_a_crew_is_busy_while_a_run_is_active(crew, acme):
    assert status(crew) == "available"
    first, second = acme.start_run(), acme.start_run()
    assert status(crew) == "busy"
    first.finish("succeeded")
    assert status(crew) == "busy"
    second.finish("failed", reason="task_failed")
    assert status(crew) == "available"


def test_without_a_worker_every_crew_is_offline_and_comes_back(crew, acme):
    run = acme.start_run()
    Worker.objects.update(last_seen=timezone.now() - timedelta(minutes=1))
    presence.refresh_all()
    assert status(crew) == "offline"
    Worker.objects.beat("w")
    presence.refresh_all()
    assert status(crew) == "busy"
    run.finish("succeeded")
    assert status(crew) == "available"


def test_a_crew_that_is_up_to_date_costs_no_transaction(crew, django_assert_num_queries):
    with django_assert_num_queries(2):
        presence.refresh_all()


def test_a_crew_that_is_deleted_meanwhile_is_passed_over(acme, globex, worker_alive, monkeypatch):
    refresh = presence.refresh

    def delete_first(crew_id) -> None:
        if crew_id == acme.crew.pk:
            acme.crew.delete()
        refresh(crew_id)

    monkeypatch.setattr(presence, "refresh", delete_first)
    presence.refresh_all()
    assert [status(crew) for crew in Crew.objects.all()] == ["available"]


def test_a_deactivated_crew_is_offline_whatever_it_does(crew, acme):
    acme.start_run()
    crew.refresh_from_db()
    crew.is_active = False
    crew.save()
    assert status(crew) == "offline"


def test_a_form_that_was_open_for_a_while_does_not_write_back_old_news(crew, acme):
    stale = Crew.objects.get(pk=crew.pk)
    acme.start_run()
    stale.name = "Renamed"
    stale.save()
    assert status(crew) == "busy"
