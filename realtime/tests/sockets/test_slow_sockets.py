"""With many slow sockets far behind, a new socket and a request are answered in time."""

import time
from contextlib import ExitStack

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from realtime import log
from realtime.log import streams
from runs.events.kinds import ToolProgress
from tests import plain_http
from tests.chaos.readers import StuckReader
from tests.events import sample
from tests.live import Web

SLOW = 400
EVENTS, CHARS = 900, 3000  # 2.7 MB that each of them is behind
WITHIN_S = 3.0  # on a busy machine a request alone takes a second

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_newcomer_gets_its_hello(web: Web, acme, globex):
    crew = str(acme.crew.pk)
    event = sample(ToolProgress, crew, output="x" * CHARS)
    for _ in range(EVENTS // 100):
        log.append(streams.graph(crew), [event] * 100)
    token, other = (str(AccessToken.for_user(user)) for user in (acme.viewer, globex.viewer))
    hello, answer = [], []
    with ExitStack() as stack:
        path = f"/ws/graph/{crew}?since=0"
        slow = [
            stack.enter_context(StuckReader(web.port, path, token, trickle=False))
            for _ in range(SLOW)
        ]
        for reader in slow:
            reader.socket.recv(1)  # its handshake is over
        for _ in range(8):
            begun = time.monotonic()
            with web.socket(f"/ws/graph/{globex.crew.pk}", token=other) as socket:
                assert socket.frame()["type"] == "hello"
                hello.append(time.monotonic() - begun)
            begun = time.monotonic()
            assert plain_http.get(f"{web.origin}/healthz").status_code == 200
            answer.append(time.monotonic() - begun)
    assert max(hello) < WITHIN_S, hello
    assert max(answer) < WITHIN_S, answer
