"""Whether the deployment says truly that it is alive and ready."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.utils import timezone

from runs.models import Worker


@pytest.fixture
def parts(client):
    """What ``/readyz`` says of each part that is missing, once its status has been checked."""

    def ask() -> dict[str, str]:
        response = client.get("/readyz")
        body = response.json()
        missing = {name: part["message"] for name, part in body["parts"].items() if not part["ok"]}
        assert set(body["parts"]) == {"database", "redis", "worker", "tools"}
        assert response.status_code == (503 if missing else 200)
        assert body["status"] == ("not ready" if missing else "ready")
        return missing

    return ask


def test_alive_asks_nothing_of_the_database(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert "no-store" in response.headers["Cache-Control"]


def test_ready_with_database_redis_and_a_worker(parts, worker_alive):
    assert parts() == {}


def test_without_a_worker_it_says_how_to_start_one(parts, db):
    missing = parts()
    assert set(missing) == {"worker"}
    assert "celery -A crewops worker" in missing["worker"]


@pytest.mark.parametrize("url", ["redis://:hunter22@127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_without_redis_it_says_so_and_keeps_the_password(parts, worker_alive, settings, url):
    settings.REDIS_URL = url
    missing = parts()
    assert set(missing) == {"redis"}
    assert "REDIS_URL" in missing["redis"]
    assert "hunter22" not in str(missing)


def test_without_a_database_it_says_so(parts, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", fail)
    monkeypatch.setattr(Worker.objects, "alive", fail)
    missing = parts()
    assert set(missing) == {"database", "worker", "tools"}
    assert "DATABASE_URL" in missing["database"]


def test_a_quiet_check_before_the_start_logs_no_error(client, db, caplog):
    waiting = client.get("/readyz?quiet")
    assert waiting.status_code == 200
    assert waiting.json()["status"] == "not ready"
    assert caplog.text == ""


def test_how_long_ago_a_worker_reported_is_by_the_clock_of_the_database(client, db):
    Worker.objects.beat("a", tier="namespaces")
    Worker.objects.beat("b", tier="namespaces")
    Worker.objects.filter(name="a").update(last_seen=Now() - timedelta(seconds=10))
    assert 0 <= client.get("/readyz?quiet").json()["parts"]["worker"]["heard_s_ago"] < 9
    Worker.objects.filter(name="b").delete()
    assert 10 <= client.get("/readyz?quiet").json()["parts"]["worker"]["heard_s_ago"] < 19


@pytest.mark.django_db
class TestTools:
    """How the workers box their tools."""

    @pytest.fixture
    def tools(self, client):
        return lambda: client.get("/readyz").json()["parts"]["tools"]

    def test_all_in_the_sandbox_is_nothing_to_say(self, tools):
        Worker.objects.beat("a", tier="namespaces")
        Worker.objects.beat("b", tier="namespaces")
        assert tools() == {"ok": True, "tiers": {"namespaces": 2}}

    def test_a_lesser_tier_is_said_and_stops_nothing(self, tools, client):
        Worker.objects.beat("a", tier="namespaces")
        Worker.objects.beat("b", tier="limits")
        said = tools()
        assert (said["ok"], said["tiers"]) == (True, {"namespaces": 1, "limits": 1})
        assert "1 of 2 workers do not run tools in the sandbox" in said["message"]
        assert client.get("/readyz").status_code == 200

    def test_where_the_sandbox_is_required_a_lesser_tier_is_a_failure(
        self, tools, client, settings
    ):
        settings.TOOLS_REQUIRE_SANDBOX = True
        Worker.objects.beat("a", tier="namespaces")
        assert client.get("/readyz").status_code == 200
        Worker.objects.beat("b", tier="user")
        said = tools()
        assert (said["ok"], said["tiers"]) == (False, {"namespaces": 1, "user": 1})
        assert client.get("/readyz").status_code == 503

    def test_a_dead_worker_does_not_count(self, tools):
        Worker.objects.beat("a", tier="limits")
        Worker.objects.update(last_seen=timezone.now() - timedelta(minutes=1))
        assert tools() == {"ok": True, "tiers": {}}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz?quiet", 200),
        ("/metrics", 401),
        ("/login/", 400),
        ("/healthz/", 400),
    ],
)
def test_monitors_ask_by_address_and_port(client, db, path, status):
    response = client.get(path, headers={"Host": "10.0.0.5:8000"})
    assert response.status_code == status
    assert "10.0.0.5" not in response.content.decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_neither_is_changed_by_anyone(client, path):
    assert client.post(path).status_code == 405
