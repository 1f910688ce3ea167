"""What `make run` does before it starts anything: only what is needed, and what is missing
is said.
"""

from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from crewops import redis
from crewops.management.commands import prepare
from tests.test_settings import start

SETUP = """
import sys
import django
django.setup()
from crewops.celery import app
print(sorted({name.partition(".")[0] for name in sys.modules} & {"daphne", "autobahn"}))
"""


@pytest.fixture
def called(monkeypatch) -> list[str]:
    """Names of the commands that were called."""
    names: list[str] = []
    monkeypatch.setattr(prepare, "call_command", lambda name, **_: names.append(name))
    return names


def test_nothing_is_migrated_where_nothing_is_missing(db, called):
    call_command("prepare")
    assert called == []


def test_what_is_missing_is_migrated(db, called):
    MigrationRecorder.Migration.objects.filter(app="runs").order_by("-id").first().delete()
    call_command("prepare")
    assert called == ["migrate"]


def test_the_demo_and_production_are_asked_for(db, called):
    call_command("prepare", demo=True)
    assert called == ["seed_demo"]
    called.clear()
    call_command("prepare", production=True)
    assert called == ["collectstatic", "check"]


def test_other_users_may_not_read_an_sqlite_database(tmp_path, monkeypatch):
    database = tmp_path / "crewops.sqlite3"
    database.touch()
    database.chmod(0o664)
    own = SimpleNamespace(vendor="sqlite", settings_dict={"NAME": str(database)})
    monkeypatch.setattr(prepare, "connection", own)
    prepare.keep_private()
    assert database.stat().st_mode & 0o777 == 0o660


def test_a_missing_redis_server_is_said_before_anything_starts(db, called, monkeypatch):
    def missing() -> str:
        raise redis.NoServer("Install Redis.")

    monkeypatch.setattr(redis, "server_binary", missing)
    with pytest.raises(CommandError, match=r"^Install Redis\.$"):
        call_command("prepare", demo=True)
    assert called == []


def test_a_database_that_is_away_is_one_sentence(called, monkeypatch):
    def away() -> bool:
        raise OperationalError("connection refused")

    monkeypatch.setattr(prepare, "is_behind", away)
    with pytest.raises(CommandError, match=r"^The database does not answer\. .*refused$"):
        call_command("prepare")


def test_processes_do_not_import_the_server_of_another_command():
    assert start(SETUP).stdout == "[]\n"
