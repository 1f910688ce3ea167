"""A live server: calls at the same time, and the Python package as a program uses it."""

import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from crews.scoping import unscoped
from runs.models import (
    AgentExecution,
    ReportedRun,
    Run,
    SeenEvent,
    TaskExecution,
    ToolExecution,
)
from runs.tests.reporting.conftest import frames, types
from runs.tests.reporting.test_reporting import STORY, story
from tests import plain_http
from tests.live import Web

PACKAGE = Path(__file__).parents[3] / "clients" / "python"
PROGRAM = """
import crewops_client as crewops
with crewops.run("release-crew", name="Nightly") as run:
    with run.agent("orion", role="Scout") as orion, orion.task("Fetch"):
        with orion.tool("git_clone", url="https://example.com/x.git") as tool:
            tool.progress(0.4, "receiving objects")
            tool.output("Cloning")
"""

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_calls_at_the_same_time_are_in_the_log_once(web: Web, acme):
    _, text = acme.issue_key("report")
    answers: list[dict] = []

    def call() -> None:
        headers = {"Authorization": f"Bearer {text}"}
        for events in (story()[:4], story()[4:]):
            sent = plain_http.post(
                f"{web.origin}/api/report/", json=events, headers=headers, timeout=30
            )
            assert sent.status_code == 200, sent.text
            answers.append(sent.json())

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert sum(answer["accepted"] for answer in answers) == len(STORY)
    assert sum(answer["duplicates"] for answer in answers) == 5 * len(STORY)
    run = Run.objects.get()
    assert run.status == "succeeded"
    assert len(frames(run)) == SeenEvent.objects.count() == len(STORY)
    assert ToolExecution.objects.get().output == "Cloning\n"


def test_a_key_that_is_in_use_is_refused_without_a_wait_for_its_run(acme):
    """A wait could be for a transaction that itself waits for the crew: a deadlock."""
    key, _ = acme.issue_key("report")
    about = {"crew": acme.crew, "api_key": key, "key": "nightly", "started_at": timezone.now()}
    with unscoped(), transaction.atomic():
        reported = ReportedRun.objects.open(**about)
    refused: list[bool] = []

    def open_again() -> None:
        try:
            with unscoped(), pytest.raises(IntegrityError), transaction.atomic():
                ReportedRun.objects.open(**about)
            refused.append(True)
        finally:
            connection.close()

    # SQLite has one writer at a time, so there nobody can wait within a transaction.
    with transaction.atomic() if connection.vendor == "postgresql" else nullcontext():
        reported.save(update_fields=["beats"])
        other = threading.Thread(target=open_again)
        other.start()
        other.join(10)
        assert refused == [True]
    other.join()


def test_the_python_package_reports_to_this_server(web: Web, acme, tmp_path):
    _, text = acme.issue_key("report")
    variables = {"CREWOPS_URL": web.origin, "CREWOPS_API_KEY": text, "PYTHONPATH": str(PACKAGE)}
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (program.returncode, program.stderr) == (0, "")
    run = Run.objects.get()
    assert (run.status, run.crew.slug, run.reported.name) == (
        "succeeded",
        "release-crew",
        "Nightly",
    )
    assert types(run)[:6] == ["boot", "agent_start", "task_start", "task_end", "agent_end", "done"]
    tool = ToolExecution.objects.get()
    assert (tool.tool, tool.status, tool.output) == ("git_clone", "success", "Cloning")
    assert TaskExecution.objects.get().status == AgentExecution.objects.get().status == "succeeded"
