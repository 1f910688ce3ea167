"""Whether the web's port can be had, and who holds it where it cannot."""

import socket
from contextlib import closing, suppress

import psutil


class Taken(Exception):
    """Says who holds the port, as far as this user may know, and how to choose another."""


def refuse_taken(host: str, port: int) -> None:
    """Raises ``Taken`` where ``host:port`` cannot be listened on."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Taken(
                f"Port {port} on {host} cannot be used: {error.strerror}{_holder(port)}. "
                f"Stop what holds it, or choose another port: make run PORT={port + 1}"
            ) from error


def _holder(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f", process {connection.pid} ({name}) holds it"
    return ""
