"""A server for the reports of a test, and reporters that end with it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crewops_client import reporter as reporters
from crewops_client.reporter import Reporter
from crewops_client.settings import Settings
from sdk.report_server import KEY, ReportServer

Make = Callable[..., Reporter]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "URL",
        "API_KEY",
        "RUN",
        "CAPTURE",
        "DISABLED",
        "SPOOL_DIR",
        "CONTROLS",
        "APPROVALS",
    ):
        monkeypatch.delenv(f"CREWOPS_{name}", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[ReportServer]:
    server = ReportServer()
    yield server
    server.close()


@pytest.fixture
def make(server: ReportServer, tmp_path: Path) -> Iterator[Make]:
    """A reporter for the server, with short times; more settings by keyword."""
    made = []
    settings = Settings(
        server.url, KEY, spool_dir=tmp_path, batch_s=0.01, away_s=0.1, timeout_s=2, flush_s=1
    )

    def make(**given: Any) -> Reporter:
        made.append(Reporter(replace(settings, **given)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def reporter(make: Make, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """The one that `crewops_client.run` uses."""
    made = make()
    monkeypatch.setattr(reporters, "_current", made)
    return made


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKOFF_S", "RESTART_BACKOFF_S"):
        monkeypatch.setattr(f"crewops_client.server_backoff.{name}", 0.05)
