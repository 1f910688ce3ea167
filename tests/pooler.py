"""Behind a pooler by transaction everybody reads their own organization's events; see the Makefile.

Not collected with the rest: `make test-pgbouncer` names this file.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction
from rest_framework_simplejwt.tokens import AccessToken

from realtime import log
from realtime.log import streams
from runs.events.kinds import ToolProgress
from tests import plain_http
from tests.events import sample
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = {"acme": 1550, "globex": 1200}
CLIENTS, READS, SOCKETS = 12, 15, 12


@pytest.fixture
def tenants(acme, globex):
    for tenant in (acme, globex):
        crew = str(tenant.crew.pk)
        slug = tenant.organization.slug
        log.append(
            streams.graph(crew),
            [sample(ToolProgress, crew, message=slug)] * EVENTS[slug],
        )
    return [acme, globex]


def test_transactions_share_server_connections():
    """Without it the tests here would show nothing."""

    def backend(_: int) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            together.wait()
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        return pid

    def use(number: int) -> set[int]:
        try:
            return {backend(number) for _ in range(6)}
        finally:
            connection.close()

    together = Barrier(2, timeout=30)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(use, range(2))
    assert one & other


def test_connections_keep_nothing_on_the_server():
    """Django's forms call `.iterator()`, and psycopg prepares a statement used five times."""
    connection.ensure_connection()
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    assert connection.connection.prepare_threshold is None


def test_every_client_reads_the_events_of_its_own_crew(web: Web, tenants):
    def read(number: int) -> list[tuple[int, list]]:
        tenant = tenants[number % 2]
        headers = {"Authorization": f"Bearer {tokens[number % 2]}"}
        with plain_http.Client(base_url=web.origin, headers=headers, timeout=60) as client:
            return [
                (answer.status_code, seen(answer.json()))
                for answer in (
                    client.get(f"/api/crews/{tenant.crew.pk}/events/?since=0&limit=500")
                    for _ in range(READS)
                )
            ]

    def seen(page: dict) -> list:
        return [(event["crew_id"], event["seq"]) for event in page.get("events", [])]

    tokens = [str(AccessToken.for_user(tenant.admin)) for tenant in tenants]
    with ThreadPoolExecutor(CLIENTS) as threads:
        answers = list(threads.map(read, range(CLIENTS)))
    wrong = [
        (status, page[:1])
        for number, pages in enumerate(answers)
        for status, page in pages
        if status != 200
        or page != [(str(tenants[number % 2].crew.pk), seq) for seq in range(1, 501)]
    ]
    assert wrong == []


def test_every_socket_gets_the_snapshot_and_the_events_of_its_own_crew(web: Web, tenants):
    def follow(number: int) -> bool:
        tenant = tenants[number % 2]
        crew, last = str(tenant.crew.pk), EVENTS[tenant.organization.slug]
        path = f"/ws/graph/{crew}"
        with web.socket(path, token=tokens[number % 2]) as socket:
            snapshot = socket.until(type="snapshot")[-1]
        with web.socket(f"{path}?since=0", token=tokens[number % 2]) as socket:
            events = [frame for frame in socket.until(seq=last) if "seq" in frame]
        return (
            snapshot["seq"] == last
            and [event["seq"] for event in events] == list(range(1, last + 1))
            and {event["crew_id"] for event in events} == {crew}
        )

    tokens = [str(AccessToken.for_user(tenant.admin)) for tenant in tenants]
    with ThreadPoolExecutor(SOCKETS) as threads:
        assert all(threads.map(follow, range(SOCKETS)))
