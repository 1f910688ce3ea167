"""An older backup of the database is restored while the server runs."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from realtime import log
from realtime.log import streams
from runs.events.kinds import Error
from runs.models import Run, TaskExecution, ToolExecution
from tests.events import sample
from tests.live import Socket, environment
from tests.postgres import binaries

pytestmark = pytest.mark.django_db(transaction=True)

Restore = Callable[[], None]


@pytest.fixture
def backup(tmp_path) -> Callable[[], Restore]:
    """Makes a backup of the database as it is now; what it returns restores it."""

    def make() -> Restore:
        return (_of_sqlite if connection.vendor == "sqlite" else _of_postgres)(tmp_path / "backup")

    return make


def _of_sqlite(file: Path) -> Restore:
    live = str(settings.DATABASES["default"]["NAME"])

    def copy(source: str, target: str) -> None:
        with sqlite3.connect(source) as reader, sqlite3.connect(target, timeout=20) as writer:
            reader.backup(writer)
        reader.close()
        writer.close()

    copy(live, str(file))
    return lambda: copy(str(file), live)


def _of_postgres(file: Path) -> Restore:
    url = environment()["DATABASE_URL"]
    assert urlsplit(url).path.startswith("/test_")

    def call(program: str, *arguments: str) -> None:
        subprocess.run([binaries() / program, *arguments], check=True, env=os.environ)

    call("pg_dump", "--format=custom", f"--file={file}", _libpq(url))
    return lambda: call(
        "pg_restore", "--clean", "--if-exists", "--single-transaction",
        f"--dbname={_libpq(url)}", str(file),
    )  # fmt: skip


def _libpq(url: str) -> str:
    return url.replace("postgres://", "postgresql://", 1)


def write_events(run: Run, *messages: str) -> None:
    """Write one event of the run for each message."""
    for message in messages:
        log_event = sample(Error, str(run.crew_id), str(run.pk), message=message)
        log.append(streams.run(run.pk), [log_event])


def new_epoch() -> str:
    out = StringIO()
    call_command("new_epoch", stdout=out)
    return out.getvalue()


def seen(frames: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(f["seq"], f.get("message", f["type"])) for f in frames if "seq" in f]


def logged(run: Run) -> list[int]:
    return [entry.seq for entry in log.read(streams.run(run.pk), 0)]


def until_message(socket: Socket, message: str) -> list[dict[str, Any]]:
    return socket.until(type="error", message=message)


BEFORE = [(1, "boot"), (2, "one"), (3, "two")]


def test_who_is_connected_starts_afresh_and_mixes_no_two_histories(web, acme, run, backup):
    write_events(run, "one", "two")
    restore = backup()
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        until_message(socket, "two")
        write_events(run, "lost", "lost too")
        until_message(socket, "lost too")
        restore()
        # These events take the numbers of the lost ones again.
        write_events(run, "other", "other too", "and more")
        assert new_epoch().endswith("got a new epoch.\n")
        frames = socket.until(type="reset", reason="epoch_changed")
        again = until_message(socket, "and more")
    assert seen(again) == [*BEFORE, (4, "other"), (5, "other too"), (6, "and more")]
    assert frames[-1]["epoch"] == log.position(streams.run(run.pk)).epoch


def test_who_comes_back_with_the_old_epoch_starts_afresh(web, acme, run, backup):
    write_events(run, "one", "two")
    restore = backup()
    write_events(run, "lost", "lost too")
    path = f"/ws/runs/{run.pk}"
    with web.socket(path, acme.viewer) as socket:
        epoch = socket.frame()["epoch"]
        until_message(socket, "lost too")
    restore()
    write_events(run, "other", "other too", "and more")
    resume = f"{path}?since=5&epoch={epoch}"
    # Without a new epoch the client would take the sixth event for the one after its fifth.
    with web.socket(resume, acme.viewer) as socket:
        assert seen(until_message(socket, "and more")) == [(6, "and more")]
    new_epoch()
    with web.socket(resume, acme.viewer) as socket:
        hello, reset, *frames = until_message(socket, "and more")
    assert (hello["type"], reset["type"], reset["reason"]) == ("hello", "reset", "epoch_changed")
    assert hello["epoch"] != epoch
    assert [seq for seq, _ in seen(frames)] == logged(run) == [1, 2, 3, 4, 5, 6]


def test_a_run_that_the_backup_does_not_know_is_not_found(web, acme, backup):
    restore = backup()
    run = acme.start_run()
    with web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket:
        socket.until(type="boot")
        restore()
        new_epoch()
        socket.rest()
        assert socket.code == 4404


def test_a_crew_whose_stream_the_backup_does_not_know_starts_afresh(web, acme, backup):
    """Its tools have spoken for the first time after the backup."""
    run = acme.start_run()
    stream = streams.graph(acme.crew.pk)
    restore = backup()
    with web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as socket:
        socket.until(type="snapshot")
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        ToolExecution.objects.start(task_execution=task, tool="script", params={})
        socket.until(type="tool_start")
        restore()
        new_epoch()
        reset, snapshot = socket.until(type="snapshot")[-2:]
        assert (reset["type"], reset["reason"]) == ("reset", "epoch_changed")
        assert snapshot["executions"] == []
        assert reset["epoch"] == log.position(stream).epoch
        run.refresh_from_db()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        ToolExecution.objects.start(task_execution=task, tool="pytest", params={})
        event = socket.until(type="tool_start")[-1]
        assert (event["seq"], event["tool"]) == (1, "pytest")
