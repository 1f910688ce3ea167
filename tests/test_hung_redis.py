"""While Redis hangs, every kind of request is answered in time, and so are sockets that open."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import redis
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant, make_tenant
from realtime.tests.sockets.helpers import browser_of
from runs.models import Worker
from tests import plain_http
from tests.chaos.faults import RedisServer
from tests.live import Web

CALM_S = 3.0
HUNG_S = 8.0
PEOPLE = 3  # who ask one thing after the other
ANSWER_S = 3.0  # the 95th percentile, on a busy machine
SLOWER = 3  # times the calm, on a busy machine
ENOUGH = 40  # answers that a percentile is taken of
WAITS_S = 2.0  # how long a client waits that has no breaker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hanging(tmp_path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.stop()


@pytest.fixture
def site(hanging, transactional_db) -> Iterator[Web]:
    process = Web(REDIS_URL=hanging.url)
    yield process
    assert process.running, process.log.read_text()
    process.stop()


def askers(site: Web, acme: Tenant) -> dict[str, Callable[[], int]]:
    """What one asks of the site, by name; each answers with a status."""
    _, cookie = browser_of(acme.operator)
    bearer = {"Authorization": f"Bearer {AccessToken.for_user(acme.operator)}"}

    def ask(method: str, path: str, **options) -> Callable[[], int]:
        return lambda: (
            plain_http.request(method, f"{site.origin}{path}", timeout=30, **options).status_code
        )

    def open_socket() -> int:
        with site.socket("/ws/mission", acme.viewer) as socket:
            return 200 if socket.frame()["type"] == "hello" else 0

    return {
        "dashboard": ask("GET", "/", headers=cookie),
        "runs": ask("GET", "/runs/", headers=cookie),
        "crew": ask("GET", acme.crew.get_absolute_url(), headers=cookie),
        "crews of the API": ask("GET", "/api/crews/", headers=bearer),
        "nobody": ask("GET", "/api/crews/"),
        "a run": ask("POST", f"/api/crews/{acme.crew.pk}/runs/", headers=bearer),
        "alive": ask("GET", "/healthz"),
        "socket": open_socket,
    }


EXPECTED = {"nobody": 401, "a run": 201}


Answers = list[tuple[float, str, int]]  # seconds, what was asked, status


def ask_for(seconds: float, asks: dict[str, Callable[[], int]]) -> Answers:
    """Everything, one after the other and again, by a few at once; the slowest last."""
    over = time.monotonic() + seconds

    def keep_asking(number: int) -> Answers:
        answers = []
        while time.monotonic() < over:
            for name, ask in asks.items():
                begun = time.monotonic()
                status = ask()
                answers.append((time.monotonic() - begun, name, status))
        return answers

    with ThreadPoolExecutor(PEOPLE) as pool:
        return sorted(chain.from_iterable(pool.map(keep_asking, range(PEOPLE))))


def p95(answers: Answers) -> float:
    return answers[len(answers) * 95 // 100][0]


def test_a_redis_that_hangs_holds_up_nobody(site, hanging):
    Worker.objects.beat("w")
    asks = askers(site, make_tenant("acme"))
    calm = ask_for(CALM_S, asks)
    hanging.freeze()
    hung = ask_for(HUNG_S, asks)
    with redis.Redis.from_url(hanging.url, socket_timeout=WAITS_S) as plain:
        begun = time.monotonic()
        with pytest.raises(redis.TimeoutError):  # so it did hang, and who waits is held up
            plain.ping()
        assert time.monotonic() - begun >= WAITS_S
    connection.close()
    failed = {name: status for _, name, status in calm + hung if status != EXPECTED.get(name, 200)}
    assert failed == {}
    assert len(hung) >= ENOUGH
    assert p95(hung) <= max(ANSWER_S, p95(calm) * SLOWER), json.dumps(hung[-20:])
