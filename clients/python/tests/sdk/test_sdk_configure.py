"""Settings that change while runs are open."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client import reporter as reporters
from crewops_client.reporter import Reporter
from sdk.report_server import KEY, ReportServer

CLIENT = Path(crewops.__file__).parent.parent


@pytest.fixture
def configure(reporter: Reporter, server: ReportServer, tmp_path: Path) -> Any:
    """Give the program another reporter of the same server. It is closed after the test."""
    made = []

    def call() -> Reporter:
        crewops.configure(url=server.url, api_key=KEY, spool_dir=tmp_path)
        made.append(reporters.current())
        return made[-1]

    yield call
    for each in made:
        each.close()


def test_an_open_run_is_reported_to_its_end(reporter, configure, server: ReportServer):
    with crewops.run("release-crew") as first:
        second = crewops.run("release-crew")  # not started yet
        configure()
        with first.tool("deploy"):
            pass
    assert first.flush(10)
    assert server.kinds() == ["boot", "tool_start", "tool_end", "done"]
    assert not reporter._closed
    with second:
        pass
    assert reporter._closed
    assert second.flush(10)
    assert server.kinds()[4:] == ["boot", "done"]
    assert [event["status"] for event in server.of("done")] == ["succeeded"] * 2


def test_a_joined_run_is_reported_on(reporter, configure, server: ReportServer, monkeypatch):
    with crewops.run("release-crew") as run:
        monkeypatch.setenv("CREWOPS_RUN", run.env()["CREWOPS_RUN"])
        joined = crewops.run("release-crew")
    configure()
    with joined.tool("deploy"):
        pass
    assert joined.flush(10)
    assert len(server.of("tool_end")) == 1


def test_without_an_open_run_the_reporter_is_closed_at_once(reporter, configure, server):
    with crewops.run("release-crew"):
        pass
    configure()
    assert reporter._closed
    assert server.kinds() == ["boot", "done"]
    with crewops.run("release-crew"):
        pass
    assert crewops.flush(10)
    assert server.kinds() == ["boot", "done"] * 2


def test_the_end_of_the_program_waits_for_both(server: ReportServer, tmp_path: Path):
    code = f"""
import crewops_client as crewops
def configure():
    crewops.configure(url={server.url!r}, api_key={KEY!r}, spool_dir={str(tmp_path)!r})
configure()
with crewops.run("release-crew") as run:
    configure()
    with run.tool("deploy"):
        pass
crewops.run("release-crew").start()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CLIENT, check=True, timeout=60)
    assert done.returncode == 0
    assert len(server.of("tool_end")) == 1
    assert sorted(event["status"] for event in server.of("done")) == ["failed", "succeeded"]
