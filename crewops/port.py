"""Checks whether the web's port is free, and names the process that holds it if not."""

import socket
from contextlib import closing, suppress

import psutil


class Taken(Exception):
    """The port is in use.

    The message says how to choose another port and, if this user may know, which process holds it.
    """


def refuse_taken(host: str, port: int, command: str) -> None:
    """Raise ``Taken`` if this process, which ``command`` starts, cannot listen on the port."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Taken(
                f"Port {port} on {host} cannot be used: {error.strerror}{_holder(port)}. "
                f"Stop what holds it, or choose another port: {command} PORT={port + 1}"
            ) from error


def _holder(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f", process {connection.pid} ({name}) holds it"
    return ""
