"""``manage.py prepare``: the steps before the stack starts, in one process, only where needed."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from crewops import checks, redis

OTHERS = 0o007  # the rights of users who are neither the owner nor in the group


class Command(BaseCommand):
    help = "Applies migrations that are missing. `make run` and `make serve` begin with it."
    requires_system_checks = []  # the checks of other apps take longer than all else here

    def add_arguments(self, parser: CommandParser) -> None:
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--demo", action="store_true", help="the demo too: see seed_demo")
        kind.add_argument(
            "--production", action="store_true", help="static files and check --deploy too"
        )

    def handle(self, *args: Any, demo: bool, production: bool, **options: Any) -> None:
        if settings.REDIS_IS_PRIVATE:
            try:
                redis.server_binary()
            except redis.NoServer as error:
                raise CommandError(str(error)) from error
        if production:
            call_command("collectstatic", interactive=False, verbosity=0)
            call_command("check", deploy=True, fail_level="ERROR")
        else:
            self.check(tags=[checks.TAG], fail_level=ERROR)
        try:
            if is_behind():
                call_command("migrate", interactive=False, verbosity=int(production))
        except OperationalError as error:
            raise CommandError(
                f"The database does not answer. Start it, or correct DATABASE_URL: {error}"
            ) from error
        keep_private()
        if demo:
            call_command("seed_demo")


def keep_private() -> None:
    """Let no other user of the machine read an SQLite database: it has the keys of sessions.

    SQLite gives its other files, such as `-wal`, the same mode. The group keeps its rights.
    """
    if connection.vendor == "sqlite" and (path := Path(connection.settings_dict["NAME"])).is_file():
        mode = path.stat().st_mode & 0o777
        if mode & OTHERS:
            with suppress(OSError):  # another user's file
                path.chmod(mode & ~OTHERS)


def is_behind() -> bool:
    """Whether a migration has not been applied."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
