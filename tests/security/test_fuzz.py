"""Generated handshakes and frames against a live server: none accepted, no fault, nothing kept.

The short form. ``make fuzz`` generates 10,000 of each for each socket (``FUZZ_COUNT``,
``FUZZ_SEED``).
"""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import msgpack
import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from realtime.delivery.threads import POOL_THREADS
from realtime.log import streams
from realtime.sockets.graph import GraphConsumer
from realtime.sockets.metrics import MetricsConsumer
from realtime.sockets.mission import MissionConsumer
from realtime.sockets.run import RunConsumer
from tests.live import eventually
from tests.security import tokens
from tests.security.frames import Frames, LiveFrames
from tests.security.handshakes import Handshakes
from tests.security.watching import WatchedWeb
from tests.security.wire import Answer, exchange, frame, handshake

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

COUNT = int(os.environ.get("FUZZ_COUNT", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.randrange(1, 2**31)
AT_ONCE = 24
PATIENCE_S = 2.0  # for a peer that waits for more of what was sent
FRAMES_EACH = 4  # frames a socket is sent; after three that are malformed it is closed
CONTROLS = 40  # one in so many is good, and must be welcomed
WARM_UP = max(
    300, COUNT // 5
)  # attacks, until every thread has its connection and the allocator what it needs
GROWTH_LIMIT = 5 * 1024 * 1024  # bytes, after that
# Opening sockets fragments the allocator's pools: they stop growing after some 6,000 sockets, at
# 40 MB, while not one object is kept. So there the objects are what must be flat.
FRAGMENTATION_LIMIT = 64 * 1024 * 1024
LEVEL_S = 20.0  # until everything of the last socket is gone
# Each thread of the pools opens its database when it is first needed: three files and some objects.
SLACK = {"fds": 3 * POOL_THREADS, "threads": POOL_THREADS, "objects": 2000}
ANSWERS = {"hello", "boot", "signal", "snapshot", "ping", "pong", "error_message", "tool_start"}
ANSWERS |= {"agent_start", "task_start", "tool_progress", "metrics"}
OF_LIVE = {"close", "unsubscribed", "reset", "llm_start", "agent_end", "task_end", "tool_end"}
# These show nothing of a stream; they may repeat a name that the client sent.
NOT_SHOWN = {"close", "error_message", "unsubscribed"}
CONSUMERS = {"run": RunConsumer, "mission": MissionConsumer, "graph": GraphConsumer}
CONSUMERS["metrics"] = MetricsConsumer
REFUSALS = {4400, 4401, 4403, 4404, 4429}
PROTOCOL_ERRORS = {1000, 1002, 1005, 1007, 1009}
FAULTS = ("Traceback", "Exception", "Fatal error", "Task was destroyed", "never retrieved")


@pytest.fixture(scope="module")
def server(django_db_setup) -> Iterator[WatchedWeb]:
    process = WatchedWeb(SOCKETS_PER_USER="1000", SOCKETS_PER_ADDRESS="1000")
    yield process
    process.stop()


@pytest.fixture(params=["run", "mission", "graph", "live", "metrics"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def path(kind, acme, run) -> str:
    return {
        "run": f"/ws/runs/{run.pk}",
        "mission": "/ws/mission",
        "metrics": "/ws/metrics",
        "graph": f"/ws/graph/{acme.crew.pk}",
        "live": "/ws/live",
    }[kind]


def assault(
    server: WatchedWeb, attack: Callable[[int], Awaitable[None]], growth_limit: int
) -> None:
    """``attack`` number 0, 1, 2 ..., a few at a time; the server ends as it began."""

    async def all_of_them(count: int) -> None:
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                await attack(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    start = server.log.stat().st_size
    asyncio.run(all_of_them(WARM_UP))
    before = eventually(lambda: _idle(server))
    rss = server.rss()
    asyncio.run(all_of_them(COUNT))
    deadline = time.monotonic() + LEVEL_S
    while (more := _more(server.held(), before)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert more == {}, f"seed {SEED}"
    said = server.log.read_bytes()[start:].decode(errors="replace")
    if fault := _fault(said):
        pytest.fail(f"seed {SEED}: {fault}")
    assert server.running
    assert server.rss() - rss <= growth_limit


def _fault(said: str) -> str:
    """The first fault in the log, with what stands around it."""
    at = min((said.find(fault) for fault in FAULTS if fault in said), default=None)
    return "" if at is None else said[max(0, at - 500) : at + 3000]


def _idle(server: WatchedWeb) -> dict[str, int] | None:
    held = server.held()
    return held if held["watchers"] == 0 and held["connections"] == 0 else None


def _more(held: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """What there is more of than before."""
    more = {name: held[name] - before[name] for name in held}
    return {name: n for name, n in more.items() if n > SLACK.get(name, 0)}


def test_generated_handshakes(server, kind, path, acme, globex, run):
    foreign = globex.start_run()
    gone = User.objects.create_user("gone")
    people = {"deactivated": gone, "gone": 10**6}
    gone.is_active = False
    gone.save()
    shapes = ("/ws/runs/{}", "/ws/graph/{}", "/ws/graph?crew_id={}", "/ws/runs/{}/events")
    ids = (foreign.pk, globex.crew.pk, "0" * 32, "no-uuid", f"{run.pk}%00", "%2e%2e")
    handshakes = Handshakes(
        SEED, path=path, port=server.port, token=str(AccessToken.for_user(acme.admin)),
        tokens=[*tokens.bad(acme.admin, **people).values()],
        elsewhere=[shape.format(pk) for shape in shapes for pk in ids], resumes=kind in ("run", "graph"),
    )  # fmt: skip
    seen: Counter[str] = Counter()

    async def attack(number: int) -> None:
        if number % CONTROLS == 0:
            good = handshakes.good()
            answer = await exchange(server.port, good, until="hello")
            assert answer.welcomed, f"seed {SEED}: {good!r} was refused: {answer}"
            return
        what, sent = handshakes.spoilt()
        answer = await exchange(server.port, sent, patience_s=PATIENCE_S, until="hello")
        message = f"seed {SEED}: {what}: {sent[:3000]!r} → {answer}"
        assert not answer.welcomed, message
        if answer.status == 101:
            assert answer.code in REFUSALS, message
        else:
            assert answer.status == 0 or 300 <= answer.status < 500, message
        seen[f"{answer.status} {answer.code or ''}"] += 1

    assault(server, attack, GROWTH_LIMIT)
    assert seen["101 4401"] > COUNT / 20, seen
    assert seen["400 "] > COUNT / 20, seen
    assert sum(n for said, n in seen.items() if said[0] == "0") <= COUNT / 100, seen


@pytest.mark.parametrize("wire", ["text", "packed", "deflated"])
def test_generated_frames(server, kind, path, acme, globex, run, wire):
    packed, deflated = wire == "packed", wire == "deflated"
    group = streams.group(streams.run(run.pk))
    foreign = [streams.run(globex.start_run().pk), streams.graph(globex.crew.pk)]
    foreign += [streams.mission(globex.crew.pk), f"metrics:{globex.organization.slug}"]
    form = {"packed": packed, "deflated": deflated}
    if kind == "live":
        ours = [streams.run(run.pk), streams.graph(acme.crew.pk), streams.mission(acme.crew.pk)]
        ours += ["graph", "mission", "metrics", f"metrics:{acme.organization.slug}"]
        frames = LiveFrames(SEED, group, [*ours, *foreign], **form)
    else:
        frames = Frames(SEED, CONSUMERS[kind], group, **form)
    answers = ANSWERS | (OF_LIVE if kind == "live" else set())
    offer = f"token, {AccessToken.for_user(acme.admin)}" + ", crewops.msgpack" * packed
    lines = ["Sec-WebSocket-Extensions: permessage-deflate"] if deflated else []
    head = handshake(path, f"Sec-WebSocket-Protocol: {offer}", *lines, port=server.port)
    end = frame(b"x") * 3  # closes what is open still
    ping = frame(b'{"type":"ping"}')
    if packed:
        ping = frame(msgpack.packb({"type": "ping"}), opcode=2)
    seen: Counter[int | None] = Counter()

    def said(answer: Answer) -> list[dict]:
        assert not (answer.texts if packed else answer.packed), answer
        return answer.packed if packed else [json.loads(text) for text in answer.texts]

    async def attack(number: int) -> None:
        if number % FRAMES_EACH:
            return  # went with the one before
        if number % (CONTROLS * FRAMES_EACH) == 0:
            answer = await exchange(server.port, head, ping, until="pong")
            assert any(frame["type"] == "pong" for frame in said(answer)), answer
            return
        sent = frames.some(FRAMES_EACH)
        answer = await exchange(server.port, head, *sent, end, patience_s=PATIENCE_S)
        message = f"seed {SEED}: {[piece[:300] for piece in sent]} → {answer}"
        assert answer.status == 101, message
        answered = said(answer)
        assert {each["type"] for each in answered} <= answers, message
        shown = {each.get("stream") for each in answered if each["type"] not in NOT_SHOWN}
        assert not shown & set(foreign), message
        assert answer.code is None or answer.code in PROTOCOL_ERRORS | REFUSALS, message
        seen[answer.code] += 1

    assault(server, attack, FRAGMENTATION_LIMIT)
    run.refresh_from_db()
    assert run.status == "running"
    assert seen[4400] > COUNT / 40, seen
    assert seen[1002] > COUNT / 40, seen
