"""Between the request for a run and its start: a queue that hangs, forgets, or delivers twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.db import connection, models
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from runs.models import Run, ToolExecution, Worker
from tests import plain_http
from tests.chaos.faults import RedisServer
from tests.live import Process, Web, eventually
from tests.redelivering import RECEIVED

ANSWER_S = 3.0  # the longest that a request for a run may take on a busy machine
CARRIED_OUT_S = 60.0  # a worker's start on a busy machine included
LONG_S = 10  # of a tool: longer than the queue of `redelivering` waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(tmp_path) -> Iterator[RedisServer]:
    """A Redis that may be harmed."""
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.stop()


def request(web: Web, acme, key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {AccessToken.for_user(acme.operator)}"}
    if key:
        headers["Idempotency-Key"] = key
    return plain_http.post(
        f"{web.origin}/api/crews/{acme.crew.pk}/runs/", headers=headers, timeout=30
    )


def start_worker(name: str, **variables: str) -> Process:
    return Process(
        *("-m", "celery", "-A", "crewops", "worker", "--concurrency", "2", "-n", f"{name}@%h"),
        **variables,
    )


def forget_announcements() -> None:
    """Every run that waits is due to be announced again."""
    long_ago = timezone.now() - timedelta(minutes=1)
    models.QuerySet.update(Run.objects.all(), announced_at=None, created_at=long_ago)


def sweep(**variables: str) -> None:
    assert Process("manage.py", "reap_runs", **variables).stop(0) == 0


def statuses() -> set[str]:
    return set(Run.objects.values_list("status", flat=True))


FAULTS = {
    "hung": (RedisServer.freeze, RedisServer.thaw),
    "gone": (RedisServer.kill, RedisServer.start),
    "full": (RedisServer.fill, RedisServer.empty),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_does_not_wait_for_a_queue_that_is_out_of_order(acme, queue, fault):
    strike, mend = FAULTS[fault]
    web = Web(REDIS_URL=queue.url)
    try:
        assert request(web, acme).status_code == 201  # connected while all is well
        strike(queue)
        for _ in range(3):
            begun = time.monotonic()
            answer = request(web, acme)
            assert time.monotonic() - begun <= ANSWER_S
            assert (answer.status_code, answer.json()["status"]) == (201, "queued")
        mend(queue)
    finally:
        web.stop()
    assert Run.objects.filter(announced_at=None).count() == 3
    forget_announcements()
    worker = start_worker("later", REDIS_URL=queue.url)
    try:
        sweep(REDIS_URL=queue.url)
        eventually(lambda: statuses() == {"succeeded"}, CARRIED_OUT_S)
    finally:
        worker.stop()
    assert Run.objects.count() == 4
    assert set(Run.objects.values_list("attempt", flat=True)) == {1}


def test_what_the_queue_forgot_is_announced_again(acme, queue):
    web = Web(REDIS_URL=queue.url)
    try:
        for _ in range(20):
            request(web, acme)
    finally:
        web.stop()
    assert queue.waiting("runs") == 20
    queue.flush()
    forget_announcements()
    worker = start_worker("later", REDIS_URL=queue.url)
    try:
        eventually(Worker.objects.alive().exists, CARRIED_OUT_S)
        assert statuses() == {"queued"}  # so nothing but the sweep brings them to the worker
        sweep(REDIS_URL=queue.url)
        eventually(lambda: statuses() == {"succeeded"}, CARRIED_OUT_S)
    finally:
        worker.stop()
    assert ToolExecution.objects.count() == 40  # two tasks a run, one tool each


def test_fifty_equal_requests_start_one_run(acme, web):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: request(web, acme, "once"), range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {str(Run.objects.get().pk)}
    assert request(web, acme, "twice").json()["id"] != answers[0].json()["id"]


def test_a_message_that_comes_again_starts_nothing_again(acme, queue):
    code = f"sleep {LONG_S}"
    acme.give_steps({"tool": "script", "params": {"interpreter": "bash", "code": code}})
    acme.crew.tasks.last().delete()
    settings = {"REDIS_URL": queue.url, "DJANGO_SETTINGS_MODULE": "tests.redelivering"}
    workers = [start_worker(name, **settings) for name in ("one", "two")]
    try:
        eventually(lambda: Worker.objects.alive().count() == 2, CARRIED_OUT_S)
        run = Run.objects.create(crew=acme.crew)
        forget_announcements()
        sweep(**settings)
        eventually(lambda: statuses() == {"succeeded"}, CARRIED_OUT_S)
    finally:
        for worker in workers:
            worker.stop()
        connection.close()
    received = sum(worker.log.read_text().count(RECEIVED) for worker in workers)
    assert received > 1, "the queue delivered once, so this shows nothing"
    run.refresh_from_db()
    assert (run.attempt, ToolExecution.objects.count()) == (1, 1)
    assert LONG_S <= run.duration_s < 2 * LONG_S
