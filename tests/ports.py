"""Ports for servers that tests and benchmarks start."""

import errno
import os
import socket
from collections import deque

STARTING_AT_ONCE = 8  # servers of one process that do not listen yet

_reservations: deque[int] = deque()  # open files, each of a port


def free_port() -> int:
    """A port that no other process of the tests gets before a server of this one listens on it.

    Another server on the port would answer instead of ours. So the number is reserved by a name
    of a Unix socket, which the kernel frees when this process ends.
    """
    while True:
        with socket.socket() as probe, socket.socket(socket.AF_UNIX) as reservation:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            try:
                reservation.bind(f"\0crewops-test-port-{port}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            _reservations.append(reservation.detach())
        if len(_reservations) > STARTING_AT_ONCE:
            os.close(_reservations.popleft())
        return port
