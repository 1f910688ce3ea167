"""Limits of sockets for a user, an address and a process, on live servers."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest

from realtime.log import streams
from realtime.tests.sockets.helpers import close_of, frames_until, subscribe
from tests.live import Socket, Web, eventually

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {"SOCKETS_PER_USER": "3", "SOCKETS_PER_ADDRESS": "5", "SOCKETS_PER_PROCESS": "8"}
WITHOUT_REDIS_S = 10.0  # five handshakes, of which none waits for Redis
ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1")


@contextmanager
def server(**variables: str) -> Iterator[Web]:
    process = Web(REALTIME_HEARTBEAT_S="1", **LIMITS | variables)
    try:
        yield process
        assert process.running, process.log.read_text()
    finally:
        process.stop()


@pytest.fixture(scope="module")
def limited(django_db_setup) -> Iterator[Web]:
    with server() as process:
        yield process


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def through(address: str) -> dict[str, dict[str, str]]:
    """As a proxy on this machine passes a client's address on."""
    return {"additional_headers": {"X-Forwarded-For": address}}


def welcomed(socket: Socket) -> bool:
    """Whether the server accepts the socket; else it sends the reason and closes it with 4429."""
    first = socket.frame()
    if first["type"] == "hello":
        return True
    assert (first["type"], first["code"]) == ("error_message", "too_many_connections")
    assert first["detail"]
    assert socket.rest() == []
    assert socket.code == 4429
    return False


def open_many(web: Web, opened: ExitStack, number: int, *arguments, **options) -> int:
    """Open so many; how many of them were welcomed."""
    sockets = [opened.enter_context(web.socket(*arguments, **options)) for _ in range(number)]
    return sum(map(welcomed, sockets))


def reason(web: Web, *arguments, **options) -> str:
    """What the close frame says to one more."""
    with web.socket(*arguments, **options) as socket:
        socket.rest()
        return socket.connection.protocol.close_reason


def gets_in(web: Web, user) -> bool:
    with web.socket("/ws/mission", user) as socket:
        return welcomed(socket)


def test_a_user_gets_so_many_and_another_user_is_not_concerned(limited, acme, opened, path):
    with limited.socket(path, acme.viewer) as first:
        assert welcomed(first)
        assert open_many(limited, opened, 3, path, acme.viewer) == 2
        assert open_many(limited, opened, 1, path, acme.operator) == 1
        said = reason(limited, path, acme.viewer)
        assert said == "This user has 3 sockets open. Close some of them first."
    eventually(lambda: open_many(limited, opened, 1, path, acme.viewer))


def test_an_address_gets_so_many_signed_in_or_not(limited, acme, run, opened):
    run.share(True)
    path = f"/ws/runs/{run.pk}"
    here, there, ipv6 = map(through, ADDRESSES)
    assert open_many(limited, opened, 2, path, acme.viewer, **here) == 2
    assert open_many(limited, opened, 4, path, **here) == 3
    assert open_many(limited, opened, 1, path, acme.operator, **here) == 0
    said = reason(limited, path, **here)
    assert said == "This address has 5 sockets open. Close some of them first."
    assert open_many(limited, opened, 1, path, acme.operator, **there) == 1
    assert open_many(limited, opened, 1, path, **ipv6) == 1


def test_a_user_gets_so_many_streams_on_all_live_sockets(acme, run):
    crew = streams.graph(acme.crew.pk)
    with (
        server(STREAMS_PER_USER="3") as web,
        web.socket("/ws/live", acme.viewer) as one,
        web.socket("/ws/live", acme.viewer) as other,
        web.socket("/ws/live", acme.operator) as of_another_user,
    ):
        subscribe(one, crew, "mission")
        frames_until(one, type="signal")
        subscribe(other, crew)
        frames_until(other, type="snapshot")
        subscribe(other, "mission")
        said = "This user has 3 streams. Unsubscribe some of them first."
        assert close_of(other, "mission") == (4429, said)
        subscribe(of_another_user, "mission")
        frames_until(of_another_user, type="signal")
        one.send({"type": "unsubscribe", "stream": crew})
        frames_until(one, type="unsubscribed")
        subscribe(other, "mission")
        frames_until(other, type="signal")


def test_a_process_gets_so_many(limited, acme, run, opened):
    run.share(True)
    path = f"/ws/runs/{run.pk}"
    assert sum(open_many(limited, opened, 4, path, **through(a)) for a in ADDRESSES) == 8
    assert reason(limited, path) == "This server is full. Try again later."


def test_a_refused_socket_holds_no_place(limited, acme):
    for _ in range(7):
        with limited.socket("/ws/mission") as anonymous:
            assert anonymous.close_code() == 4401
    eventually(lambda: gets_in(limited, acme.viewer))


def test_a_socket_that_is_cut_gives_its_place_back(limited, acme):
    for _ in range(3):
        with limited.socket("/ws/mission", acme.viewer) as socket:
            assert welcomed(socket)
            with suppress(OSError), closing(socket.connection.socket) as connection:
                connection.shutdown(2)
    eventually(lambda: gets_in(limited, acme.viewer))


def test_the_address_is_believed_from_a_trusted_proxy_only(acme, run):
    run.share(True)
    path = f"/ws/runs/{run.pk}"
    with server(TRUSTED_PROXIES="192.0.2.99,2001:db8::/64") as web, ExitStack() as opened:
        counts = [open_many(web, opened, 1, path, **through(f"192.0.2.{n}")) for n in range(7)]
        assert counts == [1] * 5 + [0] * 2


def test_processes_count_together_and_forget_one_that_died(acme):
    with server() as other:
        doomed = Web(**LIMITS)
        with suppress(OSError), ExitStack() as there:
            assert open_many(doomed, there, 3, "/ws/mission", acme.viewer) == 3
            # The other process hears of it within a second.
            eventually(lambda: not gets_in(other, acme.viewer))
            doomed.stop(signal.SIGKILL)
        eventually(lambda: gets_in(other, acme.viewer))


def test_without_redis_each_process_counts_and_nobody_waits(acme, tmp_path):
    with server(REDIS_URL=f"unix://{tmp_path}/none.sock") as web, ExitStack() as opened:
        begun = time.monotonic()
        assert open_many(web, opened, 5, "/ws/mission", acme.viewer) == 3
        assert time.monotonic() - begun < WITHOUT_REDIS_S
