"""A migrated database that the processes of one run copy, instead of migrating one each."""

import fcntl
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.db import connection

PRIVATE = (
    "crewops-postgres-"  # the directories of `tests.postgres`; elsewhere we leave nothing behind
)


def prepare(directory: Path, run: str) -> None:
    """Let this process' test database be a copy; ``directory`` is the run's, on this machine.

    The first process makes the template; the others wait for it.
    """
    is_file = connection.vendor == "sqlite"
    if not is_file and not _is_shared_server():
        return
    template = str(directory / "template.sqlite3") if is_file else f"template_{run}"
    made = directory / "template.made"
    with (directory / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _migrate(template)
            made.touch()
    if is_file:
        shutil.copy(template, connection.settings_dict["TEST"]["NAME"])
    else:
        connection.settings_dict["TEST"]["TEMPLATE"] = template


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
