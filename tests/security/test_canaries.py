"""A secret in each place where one may stand is found in no log, in no answer, nowhere else."""

import asyncio
import secrets
from collections.abc import Iterator

import httpx
import pytest
import redis
from rest_framework_simplejwt.tokens import AccessToken

from conftest import PASSWORD, Tenant
from crewops.api.tokens import RefreshToken
from runs.models import Run, Worker
from runs.tests.tools.traces import dump
from tests import plain_http
from tests.live import Process, Web, eventually, published_to
from tests.security.wire import exchange, handshake

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = (
    "password", "bearer", "basic", "cookie", "query", "socket-query", "socket-token", "socket-cookie",
    "refresh", "url-in-output", "assignment-in-output", "header-in-output", "environment",
)  # fmt: skip
OPEN = "an-open-word"  # what is planted where it may be found
CODE = """
first={first}; rest={rest}
echo "cloning https://user:$first$rest-url-in-output@git.example.com/x.git"
echo "DB_PASSWORD=$first$rest-assignment-in-output"
echo "Authorization: Bearer $first$rest-header-in-output" >&2
env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'
echo {open}
"""


@pytest.fixture
def word() -> str:
    """What every canary begins with."""
    return f"canary{secrets.token_hex(6)}"


@pytest.fixture
def web(django_db_setup, word: str) -> Iterator[Web]:
    # Cold, as a forked one's environment is not where others may look for it.
    process = Web(cold=True, LOG_LEVEL="DEBUG", CREWOPS_CANARY=f"{word}-environment")
    yield process
    process.stop()


@pytest.fixture
def worker(acme: Tenant, word: str) -> Iterator[Process]:
    process = Process(
        *("-m", "celery", "-A", "crewops", "worker", "--concurrency", "1", "--loglevel", "DEBUG"),
        cold=True,
        LOG_LEVEL="DEBUG",
        CREWOPS_CANARY=f"{word}-environment",
    )
    eventually(Worker.objects.filter(name__contains="@").alive().exists, within_s=30)
    yield process
    process.stop()


def answers(web: Web, acme: Tenant, word: str) -> list[str]:
    """What is said, head and body, to requests with a canary in every place; and to good ones."""
    said: list[str] = []

    def ask(method: str, path: str, **request) -> httpx.Response:
        response = plain_http.request(method, f"{web.origin}{path}", **request)
        said.append(f"{response.headers}\n{response.text}")
        return response

    wrong = {"username": acme.viewer.username, "password": f"{word}-password"}
    ask("POST", "/api/token/", json=wrong)
    ask("POST", "/login/", data=wrong)
    ask("POST", "/api/token/refresh/", json={"refresh": f"{word}-refresh"})
    for scheme in ("Bearer", "Basic", "Token"):
        credential = f"{scheme} {word}-{'bearer' if scheme == 'Bearer' else 'basic'}"
        ask("GET", "/api/crews/", headers={"Authorization": credential})
    for path in ("/", "/api/crews/", "/admin/", "/nowhere"):
        ask("GET", path, headers={"Cookie": f"sessionid={word}-cookie; csrftoken={word}-cookie"})
    ask("GET", f"/api/runs/?token={word}-query&access_token={word}-query")
    ask("GET", f"/healthz?token={word}-query")
    for path in ("/ws/mission", f"/ws/graph/{acme.crew.pk}", "/ws/nowhere"):
        lines = {
            "query": (f"{path}?token={word}-socket-query", []),
            "token": (path, [f"Sec-WebSocket-Protocol: token, {word}-socket-token"]),
            "bearer": (path, [f"Authorization: Bearer {word}-bearer"]),
            "cookie": (path, [f"Cookie: sessionid={word}-socket-cookie", f"Origin: {web.origin}"]),
        }
        for target, more in lines.values():
            answer = asyncio.run(
                exchange(web.port, handshake(target, *more, port=web.port), patience_s=5)
            )
            assert answer.status == 101
            said.append(str(answer))
    return said


def pages(web: Web, user, run: Run) -> str:
    """What people and programs see of the run."""
    paths = ["/", "/runs/", f"/runs/{run.pk}/", f"/runs/{run.pk}/live/", f"/crews/{run.crew_id}/"]
    paths += [f"/api/runs/{run.pk}/", f"/api/runs/{run.pk}/events/"]
    paths += ["/api/crews/", f"/api/crews/{run.crew_id}/events/"]
    tool = run.task_executions.first().tool_executions.first()
    paths += [f"/runs/{run.pk}/tools/{tool.pk}/output/", f"/api/tool-executions/{tool.pk}/output/"]
    with plain_http.Client(base_url=web.origin, follow_redirects=True) as client:
        form = client.get("/login/").text
        token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        credentials = {
            "username": user.username,
            "password": PASSWORD,
            "csrfmiddlewaretoken": token,
        }
        client.post("/login/", data=credentials)
        seen = [client.get(path) for path in paths]
    assert [page.status_code for page in seen] == [200] * len(paths)
    return "\n".join(f"{page.headers}\n{page.text}" for page in seen)


def everything_in(server: redis.Redis) -> str:
    """Every key of Redis with its value."""
    held = []
    for key in server.scan_iter("*"):
        read = {
            b"string": server.get,
            b"hash": server.hgetall,
            b"list": lambda name: server.lrange(name, 0, -1),
            b"set": server.smembers,
            b"zset": lambda name: server.zrange(name, 0, -1, withscores=True),
        }[server.type(key)]
        held.append(f"{key} {read(key)}")
    return "\n".join(held)


def test_no_secret_is_found_anywhere(web, acme: Tenant, worker: Process, redis_server, word):
    code = CODE.format(first=word[:7], rest=word[7:], open=OPEN)
    acme.give_steps({"tool": "script", "params": {"interpreter": "bash", "code": code}})
    for task in acme.crew.tasks.all()[1:]:
        task.delete()
    access, refresh = (
        str(AccessToken.for_user(acme.viewer)),
        str(RefreshToken.for_user(acme.viewer)),
    )
    with redis_server.pubsub() as listener:
        listener.psubscribe("*")
        redis_server.set("open", OPEN)
        said = answers(web, acme, word)
        with web.socket(f"/ws/graph/{acme.crew.pk}", token=access) as socket:
            socket.until(type="snapshot")
            renewed = plain_http.post(f"{web.origin}/api/token/refresh/", json={"refresh": refresh})
            assert renewed.status_code == 200
            run = Run.objects.request(crew=acme.crew, user=acme.operator)
            frames = socket.until(type="tool_end")
        eventually(lambda: Run.objects.get(pk=run.pk).is_over, within_s=60)
        run.refresh_from_db()
        assert run.status == "succeeded", run.message
        published = published_to(listener)
    found = {
        "frames": str(frames),
        "pages": pages(web, acme.viewer, run),
        "published": published,
        "redis": everything_in(redis_server),
        "database": dump(),
        "answers": "\n".join([*said, str(renewed.headers)]),
    }
    redis_server.delete("open")
    worker.stop()
    web.stop()
    found |= {"web's log": web.log.read_text(), "worker's log": worker.log.read_text()}

    tokens = [access[-30:], refresh[-30:], *(renewed.json()[kind][-30:] for kind in renewed.json())]
    for place, text in found.items():
        assert [what for what in PLACES if f"{word}-{what}" in text] == [], place
        assert word not in text, place
        assert [token for token in (*tokens, PASSWORD) if token in text] == [], place
    # What may be found is found in each of these places.
    for place in ("frames", "pages", "published", "redis", "database"):
        assert OPEN in found[place], place
    assert str(run.pk) in found["worker's log"]
    assert acme.viewer.username in found["pages"]
    assert '"code":"token_not_valid"' in found["answers"].replace(" ", "")
    assert str(acme.crew.pk) in found["web's log"]
