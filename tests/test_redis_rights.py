"""A Redis user that may do what `docs/operations.md` lists, and nothing else, is enough."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from django.conf import settings as django_settings
from rest_framework_simplejwt.tokens import AccessToken

from crewops import checks
from crewops.redis import server_binary
from realtime import metrics
from realtime.log import Entry, publish
from realtime.models import Event
from realtime.redis_circuit_breaker import QuickRedis
from runs.models import Run, Worker
from tests import plain_http
from tests.live import Process, Web, eventually

OPERATIONS = (django_settings.BASE_DIR / "docs" / "operations.md").read_text()
DOCUMENTED = re.search(r"^ACL SETUSER crewops on >PASSWORD (.+)$", OPERATIONS, re.M)[1].split()


class Restricted:
    """A Redis with a user ``crewops``; ``admin`` is everybody else's."""

    def __init__(self, directory) -> None:
        path = directory / "redis.sock"
        self._popen = subprocess.Popen(
            [
                *(server_binary(), "--port", "0", "--unixsocket", str(path)),
                *("--dir", str(directory), "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        eventually(path.exists)
        self.admin = redis.Redis(unix_socket_path=str(path))
        eventually(self._answers)
        self.url = f"unix://{path}?username=crewops&password=p%40ss"

    def allow(self, *rights: str) -> None:
        self.admin.execute_command("ACL", "SETUSER", "crewops", "reset", "on", ">p@ss", *rights)
        self.admin.execute_command("ACL", "LOG", "RESET")

    def refused(self) -> set[str]:
        """What somebody was not allowed since the rights were given, but for redis-py's own name.

        The client sends it to a server of version 7.2 or newer, and goes on if it is refused.
        """
        return {entry["object"] for entry in self.admin.acl_log()} - {"client|setinfo"}

    def stop(self) -> None:
        self.admin.close()
        self._popen.terminate()
        self._popen.wait()

    def _answers(self) -> bool:
        try:
            return self.admin.ping()
        except redis.ConnectionError:
            return False


@pytest.fixture
def restricted(tmp_path, settings) -> Iterator[Restricted]:
    server = Restricted(tmp_path)
    settings.REDIS_IS_PRIVATE = False
    settings.REDIS_URL = server.url
    yield server
    server.stop()


@pytest.fixture
def quick(restricted) -> Iterator[QuickRedis]:
    with closing(QuickRedis(restricted.url)) as made:
        yield made


def test_the_documented_rights_are_enough_for_the_check(restricted):
    restricted.allow(*DOCUMENTED)
    assert checks.redis_is_usable() == []
    assert restricted.admin.keys() == []


def test_each_documented_right_is_missed_by_the_check(restricted):
    """So the table lists nothing that is not needed, and the check forgets nothing of it."""
    for left_out in DOCUMENTED:
        restricted.allow(*(right for right in DOCUMENTED if right != left_out))
        message = next(iter(checks.redis_is_usable()), None)
        assert message, left_out
        if left_out == "+info":
            assert message.id == "crewops.I001"
        else:
            assert message.id == "crewops.W007"
            assert left_out in message.hint.split(), (left_out, message.hint)


def test_a_wrong_password_is_no_redis_that_is_down(restricted, settings):
    restricted.allow(*DOCUMENTED)
    settings.REDIS_URL = restricted.url.replace("p%40ss", "other")
    (message,) = checks.redis_is_usable()
    assert message.id == "crewops.W004"
    assert message.msg.startswith("Redis refuses the user or the password of REDIS_URL")
    assert "other" not in message.msg


@pytest.mark.parametrize("right", ["&graph:*", "+publish"])
def test_events_that_redis_refuses_are_counted_and_logged(
    restricted, quick, monkeypatch, caplog, right
):
    restricted.allow(*(other for other in DOCUMENTED if other != right))
    monkeypatch.setattr(publish, "quick_redis", lambda: quick)
    monkeypatch.setattr(publish, "_refusal_logged_at", float("-inf"))
    failures = metrics.PUBLISH_FAILURES._value.get()
    for seq in range(1, 4):
        publish._publish("graph:x", [Entry(seq, "tool_start", f'{{"seq":{seq}}}')])
    assert metrics.PUBLISH_FAILURES._value.get() == failures + 3
    (said,) = [record.getMessage() for record in caplog.records]  # not one for each
    assert "Redis refuses to publish on graph:x" in said
    assert "check --deploy" in said
    restricted.allow(*DOCUMENTED)
    publish._publish("graph:x", [Entry(4, "tool_start", '{"seq":4}')])
    assert metrics.PUBLISH_FAILURES._value.get() == failures + 3


def test_a_run_needs_no_other_right(restricted, acme, transactional_db):
    restricted.allow(*(right for right in DOCUMENTED if right != "+info"))
    web = Web(REDIS_URL=restricted.url)
    worker = Process(
        *("-m", "celery", "--app", "crewops", "worker", "--concurrency", "1"),
        REDIS_URL=restricted.url,
    )
    try:
        eventually(Worker.objects.alive().exists, within_s=30)
        with web.socket(f"/ws/graph/{acme.crew.pk}/", acme.viewer) as graph:
            graph.until(type="snapshot")
            token = str(AccessToken.for_user(acme.operator))
            reply = plain_http.post(
                f"{web.origin}/api/crews/{acme.crew.pk}/runs/",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            ).json()
            run = Run.objects.get(pk=reply["id"])
            eventually(Run.objects.filter(pk=run.pk, status="succeeded").exists, within_s=60)
            graph.until(type="tool_end")
        assert Event.objects.filter(stream_id=f"run:{run.pk}", type="done").exists()
        keys = [key.decode() for key in restricted.admin.scan_iter()]
        assert keys
        assert all(key.startswith("crewops:") for key in keys)
        assert restricted.refused() == set()
    finally:
        web.stop()
        worker.stop()
    assert "not take its message" not in web.log.read_text()
