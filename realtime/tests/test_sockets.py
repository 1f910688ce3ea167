"""Every frame and every refusal of the wire contract, on a live server."""

import json
import time
from datetime import timedelta

import httpx
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from conftest import PASSWORD, make_tenant
from crews.models import Crew, Membership
from realtime import log, streams
from realtime.models import Event, Stream
from runs.models import TaskExecution, ToolExecution, Worker

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def acme(transactional_db):
    Worker.objects.beat("w")
    return make_tenant("acme")


@pytest.fixture
def globex(acme):
    return make_tenant("globex")


@pytest.fixture
def run(acme):
    return acme.start_run()


def work(run, entry: dict) -> ToolExecution:
    task = TaskExecution.objects.start(run=run, task=entry)
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={"n": 1})
    execution.report(message="half", progress=0.5, output="hello\n")
    execution.end("success", exit_code=0)
    task.finish("succeeded")
    return execution


def finish(run) -> None:
    for entry in run.plan["tasks"]:
        work(run, entry)
    run.finish("succeeded")


# -- The run socket ---------------------------------------------------------------------------------


def test_a_run_is_replayed_followed_and_closed(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        assert socket.subprotocol == "token"
        hello = socket.frame()
        assert hello == {
            "type": "hello",
            "stream": f"run:{run.pk}",
            "epoch": Stream.objects.get(name=f"run:{run.pk}").epoch,
            "head": 1,
            "heartbeat_s": 1.0,
        }
        boot = socket.frame()
        assert boot["agents"][0] == {"agent_id": "orion", "name": "Orion", "role": ""}
        assert boot["tasks"][1].keys() == {"task_id", "name", "agent_id"}
        finish(run)
        events = [boot, *(e for e in socket.rest() if e["type"] != "ping")]
        assert socket.code == 1000
    assert [event["seq"] for event in events] == list(range(1, 11))
    assert [event["type"] for event in events] == [
        "boot",
        *["agent_start", "task_start", "task_end", "agent_end"] * 2,
        "done",
    ]
    for event in events:
        assert event["crew_id"] == str(acme.crew.pk)
        assert event["run_id"] == str(run.pk)
        assert event["timestamp"].endswith("Z")
    assert events[-1].keys() >= {"status", "duration_s"}
    assert events[3].keys() >= {"task_id", "agent_id", "status", "duration_s"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_finished_run_is_replayed_and_closed(web, acme, run, slash):
    finish(run)
    with web.socket(f"/ws/runs/{run.pk}{slash}", acme.viewer) as socket:
        frames = socket.rest()
        assert [frame["type"] for frame in (frames[0], frames[1], frames[-1])] == [
            "hello",
            "boot",
            "done",
        ]
        assert socket.code == 1000


def test_resuming_sends_only_what_is_missing(web, acme, run):
    finish(run)
    epoch = Stream.objects.get(name=f"run:{run.pk}").epoch
    with web.socket(f"/ws/runs/{run.pk}?since=7&epoch={epoch}", acme.viewer) as socket:
        assert [frame.get("seq") for frame in socket.rest()] == [None, 8, 9, 10]
    with web.socket(f"/ws/runs/{run.pk}?since=10", acme.viewer) as socket:
        assert [frame["type"] for frame in socket.rest()] == ["hello"]
        assert socket.code == 1000


@pytest.mark.parametrize(
    ("query", "reason"), [("since=3&epoch=another", "epoch_changed"), ("since=99", "ahead")]
)
def test_an_unknown_position_is_reset_and_replayed(web, acme, run, query, reason):
    finish(run)
    with web.socket(f"/ws/runs/{run.pk}?{query}", acme.viewer) as socket:
        hello, reset, *events = socket.rest()
    assert reset == {
        "type": "reset",
        "stream": f"run:{run.pk}",
        "reason": reason,
        "epoch": hello["epoch"],
        "head": 10,
    }
    assert [event["seq"] for event in events] == list(range(1, 11))


@pytest.mark.parametrize("query", ["", "?since=2"])
def test_a_pruned_position_is_reset_to_what_is_left(web, acme, run, query):
    finish(run)
    old = timezone.now() - timedelta(days=9)
    Event.objects.filter(seq__lte=4).update(created_at=old)
    log.prune(older_than=timezone.now() - timedelta(days=1))
    with web.socket(f"/ws/runs/{run.pk}{query}", acme.viewer) as socket:
        _, reset, *events = socket.rest()
    assert reset["reason"] == "pruned"
    assert [event["seq"] for event in events] == list(range(5, 11))


def test_errors_of_a_run(web, acme, run):
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    task.finish("failed", reason="tool_failed", message="Step 1, pytest: 3 failed")
    run.finish("failed", reason="task_failed", message="Orion works")
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        frames = socket.rest()
    error = next(frame for frame in frames if frame["type"] == "error")
    assert error["message"] == "Step 1, pytest: 3 failed"
    assert error["reason"] == "tool_failed"
    assert error["agent_id"] == "orion"
    assert error["task_id"] == run.plan["tasks"][0]["task_id"]
    assert frames[-1]["status"] == "failed"
    assert frames[-1]["reason"] == "task_failed"


# -- The graph socket -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws/graph?crew_id={}", "/ws/graph/{}", "/ws/graph/{}/"])
def test_the_graph_starts_from_a_snapshot(web, acme, run, path):
    execution = work(run, run.plan["tasks"][0])
    with web.socket(path.format(acme.crew.pk), acme.viewer) as socket:
        hello, snapshot = socket.frame(), socket.frame()
        assert hello["stream"] == snapshot["stream"] == f"graph:{acme.crew.pk}"
        assert snapshot["seq"] == hello["head"] == 3
        assert [(a["agent_id"], a["state"]) for a in snapshot["agents"]] == [
            ("orion", "done"),
            ("vega", "idle"),
        ]
        (seen,) = snapshot["executions"]
        assert seen["execution_id"] == str(execution.pk)
        assert seen["status"] == "success"
        assert seen["output_length"] == 6
        work(run, run.plan["tasks"][1])
        start, progress, end = [f for f in socket.until(type="tool_end") if f["type"] != "ping"]
    of = {"crew_id": str(acme.crew.pk), "run_id": str(run.pk), "agent_id": "vega", "tool": "script"}
    assert of.items() <= start.items()
    assert [start["seq"], progress["seq"], end["seq"]] == [4, 5, 6]
    assert start["params"] == {"n": 1}
    assert progress["message"] == "half"
    assert progress["progress"] == 0.5
    assert progress["output"] == "hello\n"
    assert end["status"] == "success"
    assert end["exit_code"] == 0
    assert end["duration_s"] >= 0


def test_the_graph_resumes_without_a_snapshot(web, acme, run):
    work(run, run.plan["tasks"][0])
    with web.socket(f"/ws/graph/{acme.crew.pk}?since=1", acme.viewer) as socket:
        assert [socket.frame().get("seq") for _ in range(3)] == [None, 2, 3]


def test_the_graph_without_a_crew_is_all_the_user_can_see(web, acme, globex, run):
    with web.socket("/ws/graph", acme.viewer) as socket:
        assert socket.frame()["stream"] == f"graph:{acme.crew.pk}"
        assert socket.frame()["type"] == "snapshot"
        foreign = globex.start_run()
        work(foreign, foreign.plan["tasks"][0])
        work(run, run.plan["tasks"][0])
        frames = socket.until(type="tool_end")
    assert {f["crew_id"] for f in frames if "crew_id" in f} == {str(acme.crew.pk)}


# -- The mission socket -----------------------------------------------------------------------------


def test_mission_says_the_present_status_then_each_change(web, acme, globex, run):
    with web.socket("/ws/mission", acme.viewer) as socket:
        hello, signal = socket.frame(), socket.frame()
        assert hello["stream"] == f"mission:{acme.crew.pk}"
        assert signal["payload"] == {"status": "busy", "crewId": str(acme.crew.pk)}
        assert signal["seq"] == hello["head"]
        assert "run_id" not in signal
        finish(run)
        available = socket.until(type="signal")[-1]
        assert available["payload"]["status"] == "available"
        assert available["seq"] == signal["seq"] + 1
        Crew.objects.get(pk=acme.crew.pk)
        acme.crew.refresh_from_db()
        acme.crew.is_active = False
        acme.crew.save()
        assert socket.until(type="signal")[-1]["payload"]["status"] == "offline"


def test_mission_follows_crews_that_appear_and_nobody_elses(web, acme, globex):
    with web.socket("/ws/mission", acme.viewer) as socket:
        socket.until(type="signal")
        Crew.objects.create(organization=globex.organization, name="Theirs", slug="theirs")
        ours = Crew.objects.create(organization=acme.organization, name="Ours", slug="ours")
        frames = [f for f in socket.until(type="signal") if f["type"] != "ping"]
    assert [frame["type"] for frame in frames] == ["hello", "signal"]
    assert frames[-1]["payload"] == {"status": "available", "crewId": str(ours.pk)}


def test_someone_without_a_crew_still_gets_a_hello(web, acme, django_user_model):
    loner = django_user_model.objects.create_user("loner")
    with web.socket("/ws/mission", loner) as socket:
        assert socket.frame()["type"] == "hello"
        Membership.objects.create(user=loner, organization=acme.organization)
        assert socket.until(type="signal")[-1]["crew_id"] == str(acme.crew.pk)


# -- Who may open what ------------------------------------------------------------------------------

PATHS = [
    "/ws/runs/{run}",
    "/ws/mission",
    "/ws/graph?crew_id={crew}",
    "/ws/graph/{crew}",
    "/ws/graph",
]


@pytest.fixture(params=PATHS)
def path(request, acme, run):
    return request.param.format(run=run.pk, crew=acme.crew.pk)


def test_a_bearer_token_opens_every_socket(web, acme, path):
    header = {"Authorization": f"Bearer {AccessToken.for_user(acme.viewer)}"}
    with web.socket(path, additional_headers=header) as socket:
        assert socket.frame()["type"] == "hello"
        assert socket.subprotocol is None


def test_the_token_may_stand_first_and_is_never_echoed(web, acme, path):
    token = str(AccessToken.for_user(acme.viewer))
    with web.socket(path, subprotocols=[token, "token"]) as socket:
        assert socket.frame()["type"] == "hello"
        assert socket.connection.response.headers["Sec-WebSocket-Protocol"] == "token"


def cookie_of(user) -> dict[str, str]:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return {"Cookie": f"sessionid={session.session_key}"}


def test_a_session_opens_sockets_from_our_own_pages(web, acme, path):
    with web.socket(path, additional_headers=cookie_of(acme.viewer), origin=web.origin) as socket:
        assert socket.frame()["type"] == "hello"


def test_a_session_without_an_origin_counts_for_nothing(web, acme, path):
    with web.socket(path, additional_headers=cookie_of(acme.viewer)) as socket:
        assert socket.close_code() == 4401


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/",
        "null",
        "https://[::1",
        "",
    ],
)
def test_another_origin_is_refused_whatever_the_credentials(web, acme, path, origin):
    headers = cookie_of(acme.viewer)
    given = origin.format(port=web.port)
    with web.socket(path, acme.viewer, additional_headers=headers | {"Origin": given}) as socket:
        assert socket.close_code() == 4403


def test_no_credentials(web, acme, path):
    with web.socket(path) as socket:
        assert socket.close_code() == 4401


def bad_tokens(user) -> dict[str, str]:
    expired, other_key = AccessToken.for_user(user), AccessToken.for_user(user)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    head, payload, signature = str(other_key).split(".")
    return {
        "empty": "",
        "garbage": "garbage",
        "refresh": str(RefreshToken.for_user(user)),
        "expired": str(expired),
        "no signature": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.",
        "forged": f"{head}.{payload}.{signature[::-1]}",
        "long": "x" * 9000,
    }


@pytest.mark.parametrize("kind", ["garbage", "refresh", "expired", "no signature", "forged"])
def test_a_token_that_does_not_hold(web, acme, path, kind):
    with web.socket(path, token=bad_tokens(acme.viewer)[kind]) as socket:
        assert socket.close_code() == 4401


def test_a_deactivated_users_token(web, acme, path):
    token = str(AccessToken.for_user(acme.viewer))
    acme.viewer.is_active = False
    acme.viewer.save()
    with web.socket(path, token=token) as socket:
        assert socket.close_code() == 4401


def test_a_token_in_the_url_counts_for_nothing(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    with web.socket(f"/ws/runs/{run.pk}?token={token}") as socket:
        assert socket.close_code() == 4401


@pytest.mark.parametrize("thing", ["runs", "graph"])
def test_a_foreign_record_is_refused_like_a_missing_one(web, acme, globex, run, thing):
    foreign = run.pk if thing == "runs" else acme.crew.pk
    transcripts = []
    for record in (foreign, MISSING, "no-uuid"):
        with web.socket(f"/ws/{thing}/{record}", globex.admin) as socket:
            code = socket.close_code()
            transcripts.append((code, socket.connection.protocol.close_reason))
    assert transcripts == [(4404, "Not found.")] * 3


def test_an_unknown_path_is_not_found(web, acme):
    with web.socket("/ws/nothing/here", acme.viewer) as socket:
        assert socket.close_code() == 4404


def test_a_shared_run_opens_its_socket_and_nothing_else(web, acme, run):
    run.share(True)
    with web.socket(f"/ws/runs/{run.pk}", origin=web.origin) as socket:
        socket.until(type="boot")
        with web.socket(f"/ws/graph/{acme.crew.pk}") as other:
            assert other.close_code() == 4401
        run.share(False)
        assert [f for f in socket.rest() if f["type"] != "ping"] == []
        assert socket.code == 4403


# -- Taking access away -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws/runs/{run}", "/ws/graph/{crew}"])
def test_a_removed_member_is_closed_out_within_two_seconds(web, acme, run, path):
    with web.socket(path.format(run=run.pk, crew=acme.crew.pk), acme.viewer) as socket:
        socket.frame()
        Membership.objects.filter(user=acme.viewer).delete()
        removed = time.monotonic()
        socket.rest()
        assert socket.code == 4403
        assert time.monotonic() - removed < 2


def test_mission_narrows_to_what_is_left(web, acme, globex):
    Membership.objects.create(user=acme.viewer, organization=globex.organization)
    with web.socket("/ws/mission", acme.viewer) as socket:
        for _ in range(2):
            socket.until(type="signal")
        Membership.objects.filter(user=acme.viewer, organization=globex.organization).delete()
        gone = socket.until(type="gone")[-1]
        assert gone == {"type": "gone", "stream": streams.mission(globex.crew.pk)}
        globex.start_run()
        acme.start_run()
        assert socket.until(type="signal")[-1]["crew_id"] == str(acme.crew.pk)


@pytest.mark.parametrize("change", ["deactivated", "password"])
def test_a_deactivated_user_or_a_new_password_closes_the_sockets(web, acme, path, change):
    with web.socket(path, acme.viewer) as socket:
        socket.frame()
        if change == "deactivated":
            acme.viewer.is_active = False
        else:
            acme.viewer.set_password(PASSWORD + "!")
        acme.viewer.save()
        socket.rest()
        assert socket.code == 4401


def test_an_expired_token_closes_the_socket(web, acme, path):
    token = AccessToken.for_user(acme.viewer)
    token.set_exp(lifetime=timedelta(seconds=2))
    with web.socket(path, token=str(token)) as socket:
        socket.frame()
        socket.rest()
        assert socket.code == 4401
        assert 0 <= time.time() - token["exp"] < 25


def test_a_fresh_token_keeps_the_socket_open(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    token.set_exp(lifetime=timedelta(seconds=1))
    fresh = AccessToken.for_user(acme.viewer)
    with web.socket(f"/ws/runs/{run.pk}", token=str(token)) as socket:
        socket.send({"type": "auth", "token": str(fresh)})
        answer = socket.until(type="auth_ok")[-1]
        assert answer["expires_at"].endswith("Z")
        for _ in range(5):  # heartbeats, past the first token's expiry and its grace
            socket.until(type="ping")
        finish(run)
        assert socket.rest()[-1]["type"] == "done"


def test_another_users_token_closes_the_socket(web, acme, path):
    with web.socket(path, acme.viewer) as socket:
        socket.send({"type": "auth", "token": str(AccessToken.for_user(acme.admin))})
        socket.rest()
        assert socket.code == 4401


# -- Frames from a client ---------------------------------------------------------------------------


def test_heartbeat_and_pong(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        ping = socket.until(type="ping")[-1]
        assert ping["heads"] == {f"run:{run.pk}": 1}
        socket.send({"type": "pong"})
        socket.send({"type": "ping"})
        assert socket.until(type="pong")[-1] == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        '{"type": 1}',
        {"type": "websocket.disconnect"},
        {"type": "close"},
        {"type": "auth"},
        b"bytes",
        "",
        "[" * 9000,
        {"type": "ping", "pad": "x" * 17000},
    ],
    ids=str,
)
def test_a_malformed_frame_is_answered_and_repeated_closed(web, acme, run, frame):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        for _ in range(3):
            socket.send(frame)
        frames = [f for f in socket.rest() if f["type"] != "ping"]
        assert [f["type"] for f in frames] == ["error_message"] * 3
        assert all(f["code"] == "malformed" and f["detail"] for f in frames)
        assert socket.code == 4400


def test_too_many_frames(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        for _ in range(30):
            socket.send({"type": "pong"})
        socket.rest()
        assert socket.code == 4429


def test_a_since_that_is_no_number(web, acme, run):
    with web.socket(f"/ws/runs/{run.pk}?since=x", acme.viewer) as socket:
        assert socket.close_code() == 4400


def test_a_refusal_is_a_handshake_first(web, run):
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "token, garbage",
    }
    with httpx.stream("GET", f"{web.origin}/ws/runs/{run.pk}", headers=headers) as response:
        assert response.status_code == 101
        assert response.headers["Sec-WebSocket-Protocol"] == "token"


# -- Redis ------------------------------------------------------------------------------------------


def test_redis_carries_exactly_the_text_of_the_socket(web, acme, run, redis_server):
    with (
        redis_server.pubsub() as pubsub,
        web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket,
    ):
        pubsub.psubscribe("*")
        assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
        socket.until(type="snapshot")
        execution = work(run, run.plan["tasks"][0])
        texts = []
        while len(texts) < 3:
            text = socket.connection.recv(timeout=5)
            if json.loads(text)["type"] != "ping":
                texts.append(text)
        published = []
        while len(published) < 3:
            message = pubsub.get_message(timeout=5)
            if message["channel"] == f"graph:{acme.crew.pk}".encode():
                published.append(message["data"].decode())
    assert published == texts
    assert json.loads(texts[0])["execution_id"] == str(execution.pk)
