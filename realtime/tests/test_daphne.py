"""Sockets under Daphne, the server of ``manage.py runserver``, which offers no writer."""

import signal
import subprocess
import sys

import pytest

from runs.models import TaskExecution, ToolExecution
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def daphne(django_db_setup):
    process = Web(daphne=True, REALTIME_HEARTBEAT_S="1")
    yield process
    process.stop(signal.SIGTERM)


def test_a_run_is_replayed_followed_and_closed(daphne, acme):
    run = acme.start_run()
    with daphne.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        socket.until(type="ping")
        run.finish("cancelled", reason="cancelled")
        assert [f["type"] for f in socket.rest() if f["type"] != "ping"] == ["done"]
        assert socket.code == 1000


def test_a_thousand_events_arrive_in_order(daphne, acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    with daphne.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket:
        socket.until(type="snapshot")
        for number in range(1000):
            execution.report(message=str(number))
        seen = [f["message"] for f in socket.until(message="999") if f["type"] == "tool_progress"]
    assert seen == [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    ("path", "code"), [("/ws/mission", 4401), ("/ws/graph/none", 4401), ("/ws/nowhere", 4404)]
)
def test_refusals_reach_the_client(daphne, acme, path, code):
    with daphne.socket(path) as socket:
        assert socket.close_code() == code


def test_a_socket_that_gets_too_old_for_daphne_is_asked_to_reconnect(acme):
    """Daphne itself would close it with 1000, as if all were complete."""
    process = Web("--websocket_timeout", "7", daphne=True)
    try:
        with process.socket("/ws/mission", acme.viewer) as socket:
            socket.rest()
            assert socket.code == 4500
    finally:
        process.stop()


def test_it_serves_runserver_and_is_loaded_by_nothing_else(settings):
    command = [sys.executable, "manage.py", "runserver", "--help"]
    said = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert "--websocket_handshake_timeout" in said.stdout, said.stderr
    assert "daphne" not in settings.INSTALLED_APPS
