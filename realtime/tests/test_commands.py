"""The commands watch, over a live server, and prune_events."""

import io
import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from realtime import log
from realtime.management.commands import watch as watch_command
from realtime.models import Event, Stream
from runs.models import TaskExecution, ToolExecution
from tests.live import PROJECT, Process, Web, environment, eventually
from tests.ports import free_port


def run(command: str, *args: object, **options: object) -> str:
    out = io.StringIO()
    call_command(command, *args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def finished(transactional_db, acme):
    """A run that is over, with a task and a tool."""
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    tool.report(message="half way", progress=0.5, output="\x1b[2Jsome output")
    tool.end("success", exit_code=0)
    task.finish("succeeded")
    run.finish("succeeded")
    return run


# -- watch ----------------------------------------------------------------------------------------


def watch(web: Web, *args: object, **options: object) -> str:
    return run("watch", *args, url=f"ws://127.0.0.1:{web.port}", **options)


def test_frames_are_printed_a_line_each_as_they_are_in_the_log(web, finished):
    lines = watch(web, "run", str(finished.pk), user="acme-viewer", json=True).splitlines()
    assert json.loads(lines[0])["type"] == "hello"
    events = [line for line in lines if "seq" in json.loads(line)]
    logged = Event.objects.filter(stream_id=f"run:{finished.pk}").order_by("seq")
    assert events == list(logged.values_list("body", flat=True))


def test_since_leaves_out_what_came_before(web, finished):
    lines = watch(web, "run", str(finished.pk), "--since=3", user="acme-viewer", json=True)
    assert next(f["seq"] for f in map(json.loads, lines.splitlines()) if "seq" in f) == 4


def test_a_run_is_drawn_with_its_agents_tasks_and_tools(web, finished):
    drawn = watch(web, "run", str(finished.pk), user="acme-viewer")
    for part in ("Acme crew", "✓ Orion", "✓ Orion works", "✓ script", "half way", "succeeded in"):
        assert part in drawn
    assert "\x1b[2J" not in drawn


@pytest.mark.parametrize("user", ["globex-admin", "acme-viewer"])
def test_what_one_may_not_see_is_refused_like_what_is_not_there(web, finished, globex, user):
    missing = "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c"
    refusals = [missing]
    if user == "globex-admin":
        refusals += [str(finished.pk)]
    for pk in refusals:
        with pytest.raises(CommandError, match="Closed with 4404: it does not exist, or"):
            watch(web, "run", pk, user=user, json=True)


def test_a_server_that_takes_no_such_token_is_named(web, finished, monkeypatch):
    monkeypatch.setattr(watch_command, "_token", lambda user: "of.another.deployment")
    with pytest.raises(CommandError, match="Closed with 4401: the server did not accept the token"):
        watch(web, "run", str(finished.pk), user="acme-viewer", json=True)


def test_a_server_that_is_not_there_is_named(finished):
    url = f"ws://127.0.0.1:{free_port()}"
    with pytest.raises(CommandError, match=f"Nothing answers at {url}.*Is the server running"):
        run("watch", "mission", user="acme-viewer", url=url)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run"], "Give the id of a run"),
        (["run", "demo"], "Give the id of a run"),
        (["mission", "crew"], "The mission has no ID"),
        (["graph", "nix"], "There is no crew 'nix'"),
        (["graph", "--since=3"], "--since"),
        (["mission", "--since=3"], "--since"),
        (["graph", "crew", "--since=-1"], "--since"),
        (["mission", "--user=nobody"], "There is no user 'nobody'"),
        (["mission", "--url=here"], "is not an address like"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_watched_is_refused(transactional_db, acme, args, message):
    args = args if "--user=nobody" in args else [*args, "--user=acme-viewer"]
    with pytest.raises(CommandError, match=message):
        run("watch", *args, json=True)


def test_a_graph_goes_on_over_a_server_that_dies_and_comes_back(transactional_db, acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    web = Web()
    url = f"ws://127.0.0.1:{web.port}"
    watching = Process(
        "manage.py", "watch", "graph", "crew", "--user=acme-viewer", "--json", f"--url={url}"
    )

    def seen() -> list[dict]:
        lines = watching.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    eventually(lambda: any(frame["type"] == "snapshot" for frame in seen()), within_s=30)
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    eventually(lambda: seen()[-1]["type"] == "tool_start")
    web.stop(signal.SIGKILL)
    tool.report(message="while nobody listened")
    again = Process("-m", "crewops.web", PORT=str(web.port))
    try:
        tool.end("success", exit_code=0)
        eventually(lambda: seen()[-1]["type"] == "tool_end", within_s=40)
        events = [frame for frame in seen() if frame["type"].startswith("tool_")]
        assert [frame["seq"] for frame in events] == [1, 2, 3]
        assert watching.stop(signal.SIGINT) == 130
        assert "Connection lost" in watching.log.read_text()
    finally:
        again.stop()


def test_a_reader_that_has_had_enough_ends_it_quietly(web, finished):
    command = [sys.executable, "manage.py", "watch", "mission", "--user=acme-viewer", "--json"]
    process = subprocess.Popen(
        [*command, f"--url=ws://127.0.0.1:{web.port}"],
        cwd=PROJECT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    _, errors = process.communicate(timeout=30)  # the next heartbeat finds nobody
    assert process.returncode == 0
    assert b"Traceback" not in errors


# -- prune_events ---------------------------------------------------------------------------------


def test_old_events_are_deleted_and_counted(transactional_db, finished):
    stream = f"run:{finished.pk}"
    old = Event.objects.filter(stream_id=stream, seq__lte=2)
    models.QuerySet.update(old, created_at=timezone.now() - timedelta(days=31))
    assert run("prune_events", "--older-than=30") == "Deleted 2 events.\n"
    assert Stream.objects.get(name=stream).floor == 2
    assert log.read(stream, 2)
    assert run("prune_events", "--older-than=30") == "Deleted 0 events.\n"


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "1e99"])
def test_an_age_that_is_none_is_refused(transactional_db, finished, days):
    count = Event.objects.count()
    with pytest.raises(CommandError, match="--older-than: give a number of days"):
        run("prune_events", f"--older-than={days}")
    assert Event.objects.count() == count
