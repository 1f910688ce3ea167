"""``python -m tests.postgres COMMAND...``: runs a command on a PostgreSQL of its own.

A cluster is made from the installed binaries in a temporary directory, on a unix socket alone, given
to the command as ``DATABASE_URL``, and removed afterwards. Exits with the command's status.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

# PostgreSQL refuses to run as root; as root we take the first of these that the machine knows.
UNPRIVILEGED = ("postgres", "nobody")
# Speed for durability, which a database for tests does not need; but what was committed has to
# outlive `restart`, so commits are not asynchronous.
OPTIONS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200"


def binaries() -> Path:
    """The directory of ``initdb``. Exits with what to install where there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    candidates = sorted(
        (path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").is_file()),
        key=lambda path: float(path.parent.name),
    )
    if not candidates:
        sys.exit(
            "No PostgreSQL server found: `initdb` is neither on PATH nor under /usr/lib/postgresql. "
            "Install one (Debian, Ubuntu: apt install postgresql), or put its bin directory on PATH."
        )
    return candidates[-1]


@contextmanager
def cluster(options: str = OPTIONS) -> Iterator[str]:
    """The ``DATABASE_URL`` of a private cluster that is up; ``options`` as for ``postgres``."""
    directory = tempfile.mkdtemp(prefix="crewops-postgres-")
    if os.geteuid() == 0:
        shutil.chown(directory, _unprivileged())
    data = os.path.join(directory, "data")

    try:
        _call(
            directory,
            "initdb",
            "-D",
            data,
            "-U",
            "crewops",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        )
        log = os.path.join(directory, "log")
        _call(
            directory,
            "pg_ctl",
            "start",
            "-w",
            "-D",
            data,
            "-l",
            log,
            "-o",
            f"{options} -k {directory}",
        )
        try:
            yield f"postgres://crewops@{quote(directory, safe='')}/postgres"
        finally:
            _call(directory, "pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(directory)


def restart(directory: Path) -> None:
    """End the server as a crash does and start it again; ``directory`` is its host in the URL."""
    _call(
        directory,
        "pg_ctl",
        "restart",
        "-w",
        "-D",
        f"{directory}/data",
        "-m",
        "immediate",
        "-l",
        f"{directory}/log",
    )


def _call(directory: str | Path, program: str, *arguments: str) -> None:
    owner = _unprivileged() if os.geteuid() == 0 else None
    subprocess.run(
        [binaries() / program, *arguments],
        check=True,
        user=owner,
        group=pwd.getpwnam(owner).pw_gid if owner else None,
        extra_groups=[] if owner else None,
        cwd=directory,
        stdout=subprocess.DEVNULL,
    )


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


def main() -> None:
    with cluster() as url:
        status = subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
