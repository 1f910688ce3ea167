"""PostgreSQL restarts as after a crash, under sockets and calls: they wait or come back, and miss
nothing.

``make chaos-postgres``. It is no part of the suite, whose database may have no server.
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime import log
from realtime.log import streams
from realtime.models import Event
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import TaskExecution, ToolExecution, Worker
from tests import plain_http, postgres
from tests.chaos.clients import EXPECTED_CODES, Clients, followers
from tests.live import Web, eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
CLIENTS = 30
RATE = 30.0  # events a second
BETWEEN_S = 3.0  # from one restart to the next
LEVEL_S = 30.0  # after the last restart, every client has everything
ANSWER_S = 10.0  # no call of the API takes longer, whatever it is answered
# Of connections that needed the log when it could not be read: a close code, or a status.
SERVER_ERRORS = {4500, 500}


class Caller(threading.Thread):
    """Asks the API again and again; ``answers`` are the statuses and how long each took."""

    def __init__(self, web: Web, token: str) -> None:
        super().__init__(name="caller", daemon=True)
        self.answers: list[tuple[int, float]] = []
        self._url = f"{web.origin}/api/crews/"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.05):
            begun = time.monotonic()
            response = plain_http.get(self._url, headers=self._headers, timeout=2 * ANSWER_S)
            self.answers.append((response.status_code, time.monotonic() - begun))

    def stop(self) -> None:
        self._over.set()
        self.join()


def keep_reporting(tool: ToolExecution, over: threading.Event) -> None:
    number = 0
    while not over.wait(1 / RATE):
        retry_on_outage(tool.report, message=f"{number}", output="a line\n")
        number += 1
    connection.close()


@pytest.mark.timeout(120 + 20 * ROUNDS)
@pytest.mark.django_db(transaction=True)
def test_sockets_and_calls_outlive_restarts_of_the_database():
    Worker.objects.beat("w")
    acme = make_tenant("acme")
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    token, stream = str(AccessToken.for_user(acme.viewer)), streams.graph(acme.crew.pk)
    web, over = Web(), threading.Event()
    made = followers([stream], CLIENTS, token, random.Random(1), EXPECTED_CODES | SERVER_ERRORS)
    reporter = threading.Thread(target=keep_reporting, args=(tool, over), daemon=True)
    caller = Caller(web, token)
    directory = Path(connection.settings_dict["HOST"])
    try:
        with Clients(made, [web.port]) as clients:
            eventually(lambda: clients.connected() == CLIENTS)
            reporter.start()
            caller.start()
            for _ in range(ROUNDS):
                time.sleep(BETWEEN_S)
                assert reporter.is_alive()
                connection.close()
                postgres.restart(directory)
            time.sleep(BETWEEN_S)
            over.set()
            reporter.join()
            caller.stop()
            heads = {stream: log.heads([stream])[stream][1]}
            eventually(lambda: clients.level_with(heads), LEVEL_S)
    finally:
        over.set()
        web.stop()
    logged = Event.objects.filter(stream=stream).order_by("seq").values_list("body", flat=True)
    bodies = list(logged)
    assert [d for client in made for t in client.transcripts if (d := t.differs_from(bodies))] == []
    statuses = {status for status, _ in caller.answers}
    print(f"\n{len(bodies)} events, {len(caller.answers)} calls: {statuses}; ", end="")
    print(f"the slowest took {max(took for _, took in caller.answers):.1f} s")
    assert statuses == {200, 503}  # so a restart was met
    assert max(took for _, took in caller.answers) <= ANSWER_S
