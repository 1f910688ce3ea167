"""A socket that forgets to ask whose rows they are is closed."""

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant, make_tenant
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.sockets.consumer import Admission
from realtime.sockets.run import RunConsumer
from runs.models import Run


class Careless(RunConsumer):
    """Looks its run up by itself, and not in what its user may see."""

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        Run.objects.get()
        return super().admit(grant, run)


@pytest.fixture
def stage(transactional_db) -> tuple[Tenant, Run]:
    tenant = make_tenant("acme")
    return tenant, tenant.start_run()


@pytest.mark.parametrize("consumer", [Careless, RunConsumer])
async def test_a_socket_that_reads_rows_itself_is_closed(stage, consumer):
    acme, run = stage
    token = str(AccessToken.for_user(acme.viewer))
    socket = WebsocketCommunicator(consumer.as_asgi(), "/ws", subprotocols=["token", token])
    socket.scope["url_route"] = {"args": (), "kwargs": {"run_id": str(run.pk)}}
    assert (await socket.connect(timeout=30))[0]
    answer = await socket.receive_output(timeout=30)
    if consumer is Careless:
        assert (answer["type"], answer["code"]) == ("websocket.close", CloseCode.SERVER_ERROR)
    else:
        assert '"hello"' in answer["text"]
    await socket.disconnect()
    await get_channel_layer().flush()
