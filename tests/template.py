"""A migrated database that the processes of one run copy, instead of migrating one each.

On SQLite also later runs copy it, while the migrations are the same: it takes most of the time that
a run of one test takes.
"""

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.db import connection

PRIVATE = (
    "crewops-postgres-"  # the directories of `tests.postgres`; elsewhere we leave nothing behind
)


KEPT = settings.BASE_DIR / "var" / "test-templates"
WITH_MIGRATIONS = ("crews", "realtime", "runs")


def prepare(worker: dict[str, str] | None) -> None:
    """Let this process' test database be a copy. ``worker``: of pytest-xdist, if it runs the tests.

    The first process makes the template; the others wait for it.
    """
    if connection.vendor == "sqlite":
        directory = KEPT / _digest_of_migrations()
        directory.mkdir(parents=True, exist_ok=True)
        template = str(directory / "template.sqlite3")
    elif worker and _is_shared_server():
        directory = Path(worker["shared_directory"])
        template = f"template_{worker['testrunuid']}"
    else:
        return
    made = directory / "template.made"
    with (directory / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _migrate(template)
            made.touch()
    if connection.vendor == "sqlite":
        shutil.copy(template, connection.settings_dict["TEST"]["NAME"])
    else:
        connection.settings_dict["TEST"]["TEMPLATE"] = template


def _digest_of_migrations() -> str:
    """The project's migrations by their content, those of packages by the packages' versions."""
    digest = hashlib.sha256((settings.BASE_DIR / "constraints.txt").read_bytes())
    for app in WITH_MIGRATIONS:
        for path in sorted((settings.BASE_DIR / app).rglob("migrations/*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def is_temporary() -> bool:
    """Whether the test database goes with this run: a file that `prepare` made, a private
    server.
    """
    if connection.vendor == "sqlite":
        return Path(connection.settings_dict["TEST"]["NAME"]).exists()
    return _is_on_private_server()


def _is_on_private_server() -> bool:
    return Path(connection.settings_dict["HOST"]).name.startswith(PRIVATE)


def _is_shared_server() -> bool:
    return _is_on_private_server() and "POSTGRES_PER_PROCESS" not in os.environ


def _migrate(name: str) -> None:
    """Make a migrated database of that name, and return to the one that was chosen."""
    chosen, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    its_name, test["NAME"] = test["NAME"], name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        connection.close()
        test["NAME"] = its_name
        connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = chosen
