"""Addresses that mean this machine, however they are written: a clone connects to none of them."""

import errno
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from rest_framework.exceptions import ValidationError

from runs.tests.tools.repositories import clone
from runs.tools import Status

SPELLINGS = (
    *("127.0.0.1", "127.1", "127.255.255.254", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.1"),
    *("0177.0.0.1", "017700000001", "localhost", "LOCALHOST", "localhost.", "127.0.0.1."),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "%6cocalhost"),
)  # fmt: skip
# A resolver may know no name with a dot at its end, and not every build of curl takes an escape.
NOT_EVERYWHERE = {"localhost.", "127.0.0.1.", "%6cocalhost"}


ADDRESSES = ("127.255.255.254", "127.0.0.1", "::1")
PORTS = 50  # that are tried: each may be in use on one of the addresses


def listening_on_one_port(
    addresses: Sequence[str], first: Callable[[], int] = lambda: 0
) -> tuple[int, list[socket.socket]]:
    """A port that was free on every address, and a listener on each; ``first`` names ports
    to try.
    """
    for _ in range(PORTS):
        port, servers = first(), []
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                servers.append(socket.create_server((address, port), family=family))
                port = servers[0].getsockname()[1]
        except OSError as error:
            for server in servers:
                server.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port, servers
    raise AssertionError(f"No port is free on all of {addresses}")


class Door:
    """Listens on both loopback addresses, and counts who knocks."""

    def __init__(self) -> None:
        self.port, self._sockets = listening_on_one_port(ADDRESSES)
        self._threads = [threading.Thread(target=self._count, args=[s]) for s in self._sockets]
        self.knocks = 0
        for thread in self._threads:
            thread.start()

    def _count(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.knocks += 1
            connection.close()

    def close(self) -> None:
        for server, thread in zip(self._sockets, self._threads, strict=True):
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture
def anything_goes(settings) -> None:
    """Every host and scheme that may be allowed is."""
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["*"]
    settings.TOOLS_GIT_ALLOWED_SCHEMES = ["https", "http"]


@pytest.mark.usefixtures("anything_goes")
@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_spelling_of_this_machine_is_connected_to(workspace, emitter, door, scheme, host):
    try:
        outcome = clone(workspace, emitter, url=f"{scheme}://{host}:{door.port}/x.git")
    except ValidationError:
        pass
    else:
        assert outcome.status == Status.ERROR
        assert "TOOLS_GIT_PRIVATE_HOSTS" in outcome.message or "was not found" in outcome.message
    assert door.knocks == 0


@pytest.mark.parametrize("host", [host for host in SPELLINGS if host not in NOT_EVERYWHERE])
def test_control_git_alone_connects_to_each(tmp_path, door, host):
    command = ["git", "ls-remote", f"http://{host}:{door.port}/x.git"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0"}
    subprocess.run(command, env=environment, capture_output=True, check=False)
    assert door.knocks


def test_a_port_that_is_free_on_one_address_alone_is_passed_over():
    taken, (other, *rest) = listening_on_one_port(("::1", "127.0.0.1"))
    for server in rest:
        server.close()  # now it is taken on ::1 alone
    tried = iter([taken, 0])
    with other:
        port, servers = listening_on_one_port(ADDRESSES, first=lambda: next(tried))
        assert port != taken
        assert {server.getsockname()[1] for server in servers} == {port}
    for server in servers:
        server.close()
