"""Names in a client's frame select no handler, and ids in it select no group."""

import json
import re
import uuid
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime.delivery.layer import StreamLayer
from realtime.sockets.graph import GraphConsumer
from realtime.sockets.live import LiveConsumer
from realtime.sockets.mission import MissionConsumer
from realtime.sockets.run import RunConsumer

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"websocket.connect", "websocket.receive", "websocket.disconnect"}
GROUP = re.compile(r"(run|graph|mission)\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONSUMERS = {"run": RunConsumer, "mission": MissionConsumer, "graph": GraphConsumer}
WITH_LIVE = CONSUMERS | {"live": LiveConsumer}


def trap(kind: str) -> tuple[type, list[str]]:
    """A consumer of this kind, and the types of all messages that chose one of its methods."""
    chosen: list[str] = []

    class Trap(WITH_LIVE[kind]):
        async def dispatch(self, message: dict[str, Any]) -> None:
            chosen.append(message["type"])
            await super().dispatch(message)

        async def trap_me(self, message: dict[str, Any]) -> None:
            """The control: what a message through the layer may call."""

    return Trap, chosen


def open_socket(consumer: type, user, **ids: str) -> WebsocketCommunicator:
    token = str(AccessToken.for_user(user))
    socket = WebsocketCommunicator(consumer.as_asgi(), "/ws", subprotocols=["token", token])
    socket.scope["url_route"] = {"args": (), "kwargs": ids}
    return socket


@pytest.fixture
def acme(transactional_db):
    return make_tenant("acme")


@pytest.fixture
def run(acme):
    return acme.start_run()


@pytest.fixture
async def layer() -> StreamLayer:
    layer = get_channel_layer()
    yield layer
    await layer.flush()


@pytest.mark.parametrize("kind", WITH_LIVE)
async def test_no_type_a_client_writes_chooses_a_method(layer, acme, run, kind):
    consumer, chosen = trap(kind)
    names = [name for name in dir(consumer) if not name.startswith("__")]
    names += [name.replace("_", ".") for name in names] + ["trap.me", "trap_me"]
    for start in range(0, len(names), 2):  # the third malformed frame ends a socket
        socket = open_socket(consumer, acme.viewer, run_id=str(run.pk))
        assert await socket.connect(timeout=30)
        for name in names[start : start + 2]:
            message = {"type": name, "message": {"type": "trap.me"}, "code": 1000, "text": "x"}
            await socket.send_to(text_data=json.dumps(message))
        refused = 0
        while refused < len(names[start : start + 2]):
            frame = json.loads(await socket.receive_from(timeout=30))
            refused += frame["type"] == "error_message"
        await socket.disconnect()
    assert set(chosen) == OURS


@pytest.mark.parametrize("kind", CONSUMERS)
async def test_a_message_through_the_layer_does(layer, acme, run, kind):
    consumer, chosen = trap(kind)
    socket = open_socket(consumer, acme.viewer, run_id=str(run.pk))
    assert await socket.connect(timeout=30)
    while "signal" not in (said := await socket.receive_from(timeout=30)):
        if '"boot"' in said or '"snapshot"' in said:
            break
    await layer.group_send(
        f"{kind}.{run.pk if kind == 'run' else acme.crew.pk}", {"type": "trap.me"}
    )
    while "trap.me" not in chosen:
        await socket.receive_nothing(timeout=0.05)
    await socket.disconnect()


@pytest.mark.parametrize("kind", ["run", "graph"])
async def test_groups_are_named_by_ids_that_there_are(layer, acme, run, kind, monkeypatch):
    joined: list[str] = []
    group_add = layer.group_add

    async def note(group: str, channel: str) -> None:
        joined.append(group)
        await group_add(group, channel)

    monkeypatch.setattr(layer, "group_add", note)
    name, own = ("run_id", run.pk) if kind == "run" else ("crew_id", acme.crew.pk)
    written = [str(own), str(own).upper(), own.hex, f"{{{own}}}", own.urn, f"urn:uuid:{own.hex}"]
    written += [f"{own}\n", f" {own}", f"{own}.x", f"{own}*", "*", "x", "run", "../x", "\x00", "%2e",
                str(uuid.uuid4()), "0" * 5000, "\u0661" * 32, own.hex[:-1] + "\u0661"]  # fmt: skip
    for text in written:
        socket = open_socket(CONSUMERS[kind], acme.viewer, **{name: text})
        await socket.connect(timeout=30)
        await socket.receive_output(timeout=30)
        await socket.disconnect()
    assert set(joined) == {f"{kind}.{own}"}
    assert all(GROUP.fullmatch(group) for group in joined)
    assert len(joined) >= 2  # so what was right was let in
    assert not GROUP.fullmatch(f"{kind}.{own}\n")
