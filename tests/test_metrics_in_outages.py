"""What /metrics says while the database is away or hangs."""

import threading

from django.db import OperationalError

from runs import database_metrics
from runs.database_metrics import DatabaseMetrics
from runs.models import Run
from tests.live import eventually
from tests.test_metrics import AUTHORIZED


def test_a_database_that_is_away_is_reported_and_the_rest_goes_on(client, monkeypatch, db):
    def fail(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(Run.objects, "active", fail)
    text = client.get("/metrics", headers=AUTHORIZED).content.decode()
    assert "crewops_database_up 0.0" in text
    assert "crewops_runs{" not in text


def test_a_database_that_hangs_is_reported_in_time(client, monkeypatch, transactional_db):
    over = threading.Event()
    monkeypatch.setattr(DatabaseMetrics, "_ask", lambda metrics: over.wait(60) and [])
    monkeypatch.setattr(database_metrics, "ANSWER_S", 0.1)
    for _ in range(2 * database_metrics.ASK_AT_ONCE):
        text = client.get("/metrics", headers=AUTHORIZED).content.decode()
        assert "crewops_database_up 0.0" in text
        assert "crewops_runs_ended_total{" in text
    over.set()
    monkeypatch.undo()
    eventually(
        lambda: b"crewops_database_up 1.0" in client.get("/metrics", headers=AUTHORIZED).content
    )
