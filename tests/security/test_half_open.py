"""Connections that ask for nothing: a server holds so many for so long, and serves the others."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from crewops.uvicorn_http import HEAD_S, WAITING_LIMIT
from tests import plain_http
from tests.live import FRAME_S, Web, eventually

pytestmark = pytest.mark.django_db(transaction=True)

HALF_OPEN = WAITING_LIMIT + 500
CONNECTS = 50
CONNECT_S = 3.0  # for a socket to be welcomed meanwhile, on a busy machine
SPARE_FILES = 60  # that the process may open in the end
FEW = 150  # connections: more than it has files for
RECOVERED_S = 5.0
PART = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@pytest.fixture
def web(django_db_setup) -> Iterator[Web]:
    process = Web()
    yield process
    assert process.running, process.log.read_text()
    process.stop()


def connections(web: Web) -> int:
    """How many the server holds."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == web.port
        for connection in psutil.Process(web.pid).net_connections("tcp")
    )


def half_open(web: Web, stack: ExitStack, number: int) -> None:
    """Every other one begins a request; none ends it."""
    for n in range(number):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", web.port)))
        if n % 2:
            with suppress(ConnectionError):
                connection.sendall(PART)


def welcome_s(web: Web, user, *, patience_s: float = FRAME_S) -> float:
    begun = time.monotonic()
    with web.socket("/ws/mission", user, open_timeout=patience_s) as opened:
        assert opened.frame()["type"] == "hello"
    return time.monotonic() - begun


def test_half_open_connections_are_bounded_and_hold_up_nobody(web, acme):
    with ExitStack() as stack:
        half_open(web, stack, HALF_OPEN)
        begun = time.monotonic()
        eventually(lambda: connections(web) > WAITING_LIMIT // 2)  # they are there
        waits = []
        for _ in range(CONNECTS):
            half_open(web, stack, 5)
            waits.append(welcome_s(web, acme.viewer))
        assert sorted(waits)[-2] < CONNECT_S  # 98 of 100
        assert connections(web) <= WAITING_LIMIT + CONNECTS
        eventually(lambda: connections(web) == 0, HEAD_S + 5)
        assert time.monotonic() - begun >= HEAD_S / 2


def test_a_process_without_a_file_left_recovers(web, acme):
    welcome_s(web, acme.viewer)  # what is opened once is open
    process = psutil.Process(web.pid)
    files = process.num_fds() + SPARE_FILES
    process.rlimit(psutil.RLIMIT_NOFILE, (files, files))
    with ExitStack() as stack:
        half_open(web, stack, FEW)
        eventually(lambda: process.num_fds() == files)
        assert not is_welcome(web, acme.viewer)
    eventually(lambda: is_welcome(web, acme.viewer), RECOVERED_S)


def is_welcome(web: Web, user) -> bool:
    with suppress(OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
        return welcome_s(web, user, patience_s=CONNECT_S) < CONNECT_S
    return False


def test_a_head_that_trickles_in_is_not_waited_for(web):
    with ExitStack() as stack:
        slow, empty, again = (
            stack.enter_context(socket.create_connection(("127.0.0.1", web.port))) for _ in range(3)
        )
        slow.sendall(PART)
        again.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        eventually(lambda: again.recv(4096).endswith(b"}"))
        begun = time.monotonic()
        trickles = {slow: b"x", empty: b"\r\n", again: b"\r\n"}
        lasted = {}
        while len(lasted) < len(trickles) and time.monotonic() - begun < HEAD_S + 5:
            for connection in trickles.keys() - lasted.keys():
                if is_cut(connection, trickles[connection]):
                    lasted[connection] = time.monotonic() - begun
            time.sleep(0.2)
    assert [HEAD_S / 2 < s < HEAD_S + 3 for s in lasted.values()] == [True] * 3


def is_cut(connection: socket.socket, piece: bytes) -> bool:
    try:
        connection.sendall(piece)
        return not connection.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_head_that_does_not_end_is_refused(web):
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.settimeout(5)
        connection.sendall(PART)
        with suppress(ConnectionError):
            for _ in range(20):
                connection.sendall(b"x" * 10_000)
        with suppress(ConnectionError):
            assert b" 431 " in connection.recv(4096)
    eventually(lambda: connections(web) == 0, 5)


def test_requests_one_after_the_other_are_served(web):
    with plain_http.Client(base_url=web.origin) as client:
        streams = set()
        for _ in range(3):
            response = client.get("/healthz")
            assert response.status_code == 200
            streams.add(response.extensions["network_stream"])
    assert len(streams) == 1  # over one connection


def test_a_stream_whose_body_does_not_come_is_answered_and_the_connection_ends(web):
    """Else anybody could hold any number of connections that no limit counts."""
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.settimeout(HEAD_S)
        connection.sendall(
            b"GET /sse/mission HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n"
        )
        assert b" 401 " in connection.recv(4096)
        while connection.recv(4096):
            pass
    eventually(lambda: connections(web) == 0, 5)
