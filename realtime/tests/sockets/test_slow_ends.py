"""A client that reads slowly gets the end of a run that is complete, on a live server."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from realtime import log
from realtime.log import pruning, streams
from realtime.tests.sockets.helpers import finish
from runs.events.kinds import Error
from runs.models import Run
from tests.chaos.readers import request
from tests.events import sample
from tests.live import FRAME_S, READY_S, Process, Web
from tests.waiting import eventually

KERNEL_BYTES = 4096  # of each end
CHARS = 58_000  # of an event: two of them are a page of about 120 KB
AT_ONCE, PAUSE_S = 1500, 0.1  # bytes that a slow client reads, and how long it then waits
COMPLETE = b"The run is complete."

pytestmark = pytest.mark.django_db(transaction=True)


class Narrow(Web):
    """A web process whose kernel takes little on behalf of a client that reads slowly."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            self.port = listener.getsockname()[1]
            self.origin = f"http://127.0.0.1:{self.port}"
            Process.__init__(self, "-m", self.module, stdin=listener, REALTIME_HEARTBEAT_S="1")
        eventually(self._answers, READY_S)


@pytest.fixture(scope="module")
def web(django_db_setup) -> Iterator[Narrow]:
    process = Narrow()
    yield process
    process.stop()


class Client:
    """A client that reads a run's stream byte by byte, as far as it is asked to."""

    def __init__(self, web: Web, kind: str, run: Run, user: Any) -> None:
        token = str(AccessToken.for_user(user))
        path = f"/{kind}/runs/{run.pk}"
        self.received = b""
        self._socket = socket.socket()
        self._socket.settimeout(FRAME_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        self._socket.connect(("127.0.0.1", web.port))
        if kind == "ws":
            self._socket.sendall(request(web.port, path, token))
        else:
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
            self._socket.sendall(head.encode())

    def read(self, size: int = AT_ONCE) -> bool:
        """Read as many bytes at most. ``False`` at the end."""
        data = self._socket.recv(size)
        self.received += data
        return bool(data) and COMPLETE not in self.received

    def close(self) -> None:
        self._socket.close()


def write_and_finish(run: Run, events: int) -> None:
    event = sample(Error, str(run.crew_id), str(run.pk), message="x" * CHARS)
    log.append(streams.run(run.pk), [event] * events)
    finish(run)


def read_slowly(client: Client) -> None:
    while client.read():
        time.sleep(PAUSE_S)


class Got(NamedTuple):
    """What a client got, as far as it matters."""

    events: int
    done: bool
    complete: bool


def got(client: Client) -> Got:
    received = client.received
    return Got(received.count(b'"seq"'), b'"type":"done"' in received, COMPLETE in received)


def test_a_slow_client_gets_the_last_events(web, acme, run):
    write_and_finish(run, 2)
    clients = [Client(web, kind, run, acme.viewer) for kind in ("ws", "sse")]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(read_slowly, clients))
    for client in clients:
        client.close()
    head = log.position(streams.run(run.pk)).head
    assert list(map(got, clients)) == [Got(head, True, True)] * 2


@pytest.mark.parametrize("kind", ["ws", "sse"])
def test_a_complete_run_that_is_pruned_between_two_pages_ends(web, acme, run, kind):
    write_and_finish(run, 7)
    client = Client(web, kind, run, acme.viewer)
    while b'"seq"' not in client.received:
        client.read()
    pruning.prune(older_than=timezone.now())
    eventually(lambda: not client.read(1 << 16))
    client.close()
    position = log.position(streams.run(run.pk))
    assert position.floor == position.head
    assert got(client).events < position.head
    assert got(client)[1:] == (False, True)
    _, _, end = client.received.partition(b'"type":"reset"')
    assert b'"reason":"pruned"' in end
    if kind == "sse":  # with this id the client's next attempt is the last
        assert f"id: {position.epoch}:{position.head}\n\n".encode() in client.received
