"""Addresses that mean this machine, however they are written: a clone connects to none of them."""

import socket
import subprocess
import threading
from collections.abc import Iterator

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


class Door:
    """Listens on both loopback addresses, and counts who knocks."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("127.255.255.254", 0))]
        self.port = self._sockets[0].getsockname()[1]
        self._sockets += [socket.create_server(("127.0.0.1", self.port))]
        self._sockets += [socket.create_server(("::1", self.port), family=socket.AF_INET6)]
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
