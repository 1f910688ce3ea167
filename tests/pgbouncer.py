"""``python -m tests.pgbouncer COMMAND...``: as `tests.postgres`, with a pgbouncer before the
server.

It pools by transaction: each transaction may get another of a few server connections, so nothing
that a session would keep (a cursor, a setting, a lock) is there in the next one. The command gets
it as ``DATABASE_URL``. Only ``DATABASE_IDLE_IN_TRANSACTION_S=0`` is set, as for any such pooler.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from tests.postgres import cluster, without_root

READY_S = 10.0
PORT = 6432  # in the names of the unix sockets; the server's has 5432
# ``server_round_robin``: transactions of one client go to all server connections in turn, so what
# relies on a session fails at once. Few connections, so clients share them.
CONFIGURATION = """
[databases]
* = host={directory} port=5432
[pgbouncer]
pool_mode = transaction
default_pool_size = 5
server_round_robin = 1
max_client_conn = 1000
listen_port = {port}
unix_socket_dir = {directory}
auth_type = trust
auth_file = {directory}/users.txt
logfile = {directory}/pgbouncer.log
"""


def binary() -> str:
    """The path of ``pgbouncer``. Exits with what to install where there is none."""
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found
    sys.exit("No pgbouncer found. Install it (Debian, Ubuntu: apt install pgbouncer).")


@contextmanager
def pooler(server_url: str) -> Iterator[str]:
    """The ``DATABASE_URL`` of a pgbouncer before that cluster, of which it takes every database."""
    directory = Path(unquote(urlsplit(server_url).hostname))
    _write(directory / "users.txt", '"crewops" ""\n')
    _write(
        directory / "pgbouncer.ini",
        CONFIGURATION.format(directory=directory, port=PORT),
    )
    process = subprocess.Popen(
        [binary(), "-q", directory / "pgbouncer.ini"],
        cwd=directory,
        stderr=subprocess.DEVNULL,
        **without_root(),
    )
    url = f"{server_url.removesuffix('/postgres')}:{PORT}/postgres"
    try:
        _await(process, url, directory / "pgbouncer.log")
        yield url
    finally:
        process.terminate()
        process.wait()


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _await(process: subprocess.Popen, url: str, log: Path) -> None:
    """Return when the pooler answers."""
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.02)
    sys.exit(f"pgbouncer does not answer: {log.read_text() if log.exists() else 'no log'}")


def main() -> None:
    with cluster() as server, pooler(server) as url:
        variables = {"DATABASE_URL": url, "DATABASE_IDLE_IN_TRANSACTION_S": "0"}
        status = subprocess.run(sys.argv[1:], env={**os.environ, **variables}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
