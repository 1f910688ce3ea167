"""A schedule is deleted while it fires: the deletion waits, and both succeed."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from runs.models import Run
from runs.schedules import firing
from runs.schedules.models import Fire, Schedule
from runs.schedules.tests.conftest import NOW
from tests.admin import url as admin_url

pytestmark = pytest.mark.django_db(transaction=True)


def by_page(acme, schedule: Schedule, client: Client) -> int:
    return client.post(reverse("schedule", args=[acme.crew.pk]), {"action": "delete"}).status_code


def by_api(acme, schedule: Schedule, client: Client) -> int:
    return client.delete(f"/api/crews/{acme.crew.pk}/schedule/").status_code


def in_admin(acme, schedule: Schedule, client: Client) -> int:
    path = admin_url("schedules_schedule_delete", schedule.pk)
    return client.post(path, {"post": "yes"}).status_code


def in_bulk(acme, schedule: Schedule, client: Client) -> int:
    asked = {"action": "delete_selected", "_selected_action": str(schedule.pk), "post": "yes"}
    return client.post(admin_url("schedules_schedule_changelist"), asked).status_code


@pytest.mark.parametrize(
    ("delete", "status"), [(by_page, 302), (by_api, 204), (in_admin, 302), (in_bulk, 302)]
)
def test_a_schedule_is_deleted_while_it_fires(
    acme, superuser, make_schedule, monkeypatch, delete: Callable[..., int], status: int
):
    schedule, client = make_schedule(), Client(raise_request_exception=False)
    client.force_login(superuser)
    with firing_of_a_second(monkeypatch) as fired:
        assert delete(acme, schedule, client) == status
    assert fired.result() == 1
    assert Run.objects.count() == 1
    assert not Schedule.objects.exists()
    assert not Fire.objects.exists()


@contextmanager
def firing_of_a_second(monkeypatch) -> Iterator[Future[int]]:
    """Within the block the schedules fire. Their transactions end a second later."""
    start, started = firing._start, Event()

    def slow(*args, **options) -> None:
        started.set()
        Event().wait(1)
        start(*args, **options)

    def fire() -> int:
        try:
            return firing.fire_due(NOW)
        finally:
            connections.close_all()

    monkeypatch.setattr(firing, "_start", slow)
    with ThreadPoolExecutor() as pool:
        fired = pool.submit(fire)
        assert started.wait(10)
        yield fired
