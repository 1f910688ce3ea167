"""Nothing comes between the last event of a run and the end of its socket."""

import json

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime.close_codes import CloseCode
from realtime.sockets.run import RunConsumer
from realtime.tests.sockets.helpers import finish

pytestmark = pytest.mark.django_db(transaction=True)


class DueAtTheEnd(RunConsumer):
    """Its heartbeat is due at the moment at which it is closed."""

    async def close(self, code: CloseCode, reason: str) -> None:
        heartbeat = self.node.heartbeat
        heartbeat._due = type(heartbeat._due).fromkeys(heartbeat._due, 0.0)
        heartbeat._beat()
        await super().close(code, reason)


async def test_no_heartbeat_comes_after_the_last_event(transactional_db):
    tenant = await sync_to_async(make_tenant)("acme")
    run = await sync_to_async(tenant.start_run)()
    token = str(AccessToken.for_user(tenant.viewer))
    socket = WebsocketCommunicator(DueAtTheEnd.as_asgi(), "/ws", subprotocols=["token", token])
    socket.scope["url_route"] = {"args": (), "kwargs": {"run_id": str(run.pk)}}
    assert (await socket.connect(timeout=30))[0]
    assert json.loads((await socket.receive_output(timeout=30))["text"])["type"] == "hello"
    await sync_to_async(finish)(run)
    frames = []
    while (output := await socket.receive_output(timeout=30))["type"] == "websocket.send":
        frames.append(json.loads(output["text"])["type"])
    assert output["code"] == CloseCode.COMPLETE
    assert (frames[0], frames[-1]) == ("boot", "done")
    await get_channel_layer().flush()
