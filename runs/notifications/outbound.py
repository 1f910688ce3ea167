"""Connections to addresses that users have given: public ones only, and ended after a deadline.

The libraries resolve names and connect by themselves, follow redirects, and speak several
protocols. So the check is made at the last step that all of them take: Python reports each
``connect`` to this module, with the address that the name was resolved to, before it is carried
out. A name that resolves to another address the second time gets no way round.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from runs.tools.public_address import NotPublic, is_public, resolve

EVENTS = ("socket.connect", "socket.sendto")


class PrivateAddress(OSError):
    """The address is not on the public internet, so nothing was sent."""


class Connections:
    """The connections that one delivery makes."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._opened: list[int] = []
        self._over = False
        self.refused = False

    def check(self, connecting: socket.socket, address: Any) -> None:
        """Raise unless ``connecting`` may connect to ``address``. Remember it for the deadline."""
        host = address[0] if isinstance(address, tuple) else ""
        if not isinstance(host, str) or not self._may_reach(host.partition("%")[0]):
            self.refused = True
            raise PrivateAddress("The host has a private address (NOTIFICATIONS_PRIVATE_HOSTS).")
        with self._lock:
            if self._over:
                raise TimeoutError("The delivery took too long.")
            # A copy, because TLS moves the connection to another object.
            self._opened.append(os.dup(connecting.fileno()))

    def end(self) -> None:
        """End the open connections. A thread that waits for an answer then gets an error."""
        with self._lock:
            self._over = True
            for number in self._opened:
                with socket.socket(fileno=number) as opened, suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
            self._opened.clear()

    def _may_reach(self, host: str) -> bool:
        try:
            return str(ip_address(host)) in self._allowed or is_public(host)
        except ValueError:  # a name, a path
            return False


_current: ContextVar[Connections | None] = ContextVar("outbound connections", default=None)


@contextmanager
def limited(host: str, deadline_s: float) -> Iterator[Connections]:
    """Inside the block, this thread connects to public addresses only.

    It may also connect to ``host``, if the operator has listed that as private.
    Connections end ``deadline_s`` after the beginning, however slowly the other side answers.
    """
    _listen()
    connections = Connections(_listed(host))
    timer = threading.Timer(deadline_s, connections.end)
    timer.daemon = True
    timer.start()
    token = _current.set(connections)
    try:
        yield connections
    finally:
        _current.reset(token)
        timer.cancel()
        connections.end()


def _listed(host: str) -> frozenset[str]:
    if host not in settings.NOTIFICATIONS_PRIVATE_HOSTS:
        return frozenset()
    with suppress(NotPublic):
        return frozenset(resolve(host, 0, private_hosts=[host]))
    return frozenset()


@cache
def _listen() -> None:
    """Python keeps such a hook until the process ends. It does nothing outside ``limited``."""
    sys.addaudithook(_on_audit_event)


def _on_audit_event(event: str, args: tuple[Any, ...]) -> None:
    if event in EVENTS and (connections := _current.get()):
        connections.check(*args[:2])
