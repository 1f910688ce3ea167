"""Which workspaces are removed, and that none is which somebody works in or has just taken over."""

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from runs import workspaces
from runs.execution import retention, workspace_removal
from runs.models import Run
from runs.models.retry import can_transfer_workspace
from tests.live import Process, eventually

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worker_alive")]

HOUR_S = 3600


@pytest.fixture(autouse=True)
def root(settings, tmp_path) -> Path:
    settings.WORKSPACES_DIR, settings.WORKSPACE_RETENTION_H = tmp_path, 2.0
    return tmp_path


def make(directory: Path, *, age_h: float) -> Path:
    directory.mkdir()
    (directory / "made").touch()
    then = time.time() - age_h * HOUR_S
    os.utime(directory, (then, then))
    return directory


def end(run: Run, *, ago_h: float) -> None:
    run.finish("succeeded")
    ended_at = timezone.now() - timedelta(hours=ago_h)
    QuerySet.update(Run.objects.filter(pk=run.pk), ended_at=ended_at)


@pytest.mark.parametrize(
    ("status", "age_h", "ended_h", "kept"),
    [
        ("succeeded", 3, 3, False),
        ("succeeded", 3, 1, True),  # the directory got its last new entry long before the end
        ("succeeded", 1, 3, True),
        ("running", 3, None, True),
        ("queued", 3, None, True),
    ],
)
def test_an_old_workspace_of_an_ended_run_is_removed(acme, status, age_h, ended_h, kept):
    run = Run.objects.create(crew=acme.crew) if status == "queued" else acme.start_run()
    if status == "succeeded":
        end(run, ago_h=ended_h)
    workspace = make(workspaces.workspace_of(run.pk), age_h=age_h)
    workspace_removal.remove_old()
    assert workspace.exists() == kept


@pytest.mark.parametrize(("age_h", "kept"), [(0.5, True), (1.5, False)])
def test_a_run_that_nobody_knows_yet_is_given_an_hour(settings, root, age_h, kept):
    settings.WORKSPACE_RETENTION_H = 0.0
    workspace = make(root / str(uuid4()), age_h=age_h)
    workspace_removal.remove_old()
    assert workspace.exists() == kept


def test_what_is_no_workspace_stays(root):
    """The setting may point at a directory that has other files, too."""
    names = ["home", "removed-by-me", "removed-", uuid4().hex, f"{uuid4()}.txt"]
    others = [make(root / name, age_h=10_000) for name in names]
    for name in (str(uuid4()), f"removed-{uuid4()}"):
        make(root / name, age_h=3)
    workspace_removal.remove_old()
    assert set(root.iterdir()) == set(others)
    assert all((other / "made").exists() for other in others)


def test_what_could_not_be_removed_is_tried_again(acme, root, monkeypatch, caplog):
    run = acme.start_run()
    end(run, ago_h=3)
    make(workspaces.workspace_of(run.pk), age_h=3)

    def refuse(directory: Path) -> None:
        raise OSError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(workspace_removal, "remove_tree", refuse)
        workspace_removal.remove_old()
    assert "could not be removed" in caplog.text
    assert not can_transfer_workspace(run)  # half of it may be gone
    workspace_removal.remove_old()
    assert not list(root.iterdir())


def test_a_workspace_that_another_sweep_removes_is_nobodys_fault(root, monkeypatch, caplog):
    for _ in range(3):
        make(root / str(uuid4()), age_h=3)
    remove = workspace_removal.remove_tree

    def remove_all(directory: Path) -> None:
        for other in root.iterdir():
            remove(other)

    monkeypatch.setattr(workspace_removal, "remove_tree", remove_all)
    workspace_removal.remove_old()
    assert not list(root.iterdir())
    assert not caplog.text


def test_a_workspace_is_as_new_when_it_is_handed_on(acme):
    parent = acme.start_run()
    parent.finish("failed")
    make(workspaces.workspace_of(parent.pk), age_h=3)
    retry = Run(crew=acme.crew)  # not committed yet, so that a sweep knows nothing of it
    assert workspaces.transfer(parent.pk, retry.pk)
    workspace_removal.remove_old()
    assert (workspaces.workspace_of(retry.pk) / "made").exists()
    assert not workspaces.transfer(parent.pk, retry.pk)


@pytest.mark.django_db(transaction=True)
def test_a_worker_removes_old_workspaces_of_its_machine(acme, root):
    """Without a scheduler, which may be on another machine."""
    old, active = acme.start_run(), acme.start_run()
    end(old, ago_h=3)
    for run in (old, active):
        make(workspaces.workspace_of(run.pk), age_h=3)
    command = ("-m", "celery", "-A", "crewops", "worker", "--concurrency", "1")
    worker = Process(*command, WORKSPACES_DIR=str(root), WORKSPACE_RETENTION_H="2")
    try:
        eventually(lambda: not workspaces.workspace_of(old.pk).exists(), within_s=60)
        assert workspaces.workspace_of(active.pk).exists()
    finally:
        worker.stop()


def test_the_workspaces_of_a_worker_are_looked_at_again(monkeypatch):
    looks = []

    def look(**kwargs) -> None:
        looks.append(None)
        if len(looks) == 1:
            raise OSError("busy")

    monkeypatch.setattr(workspace_removal, "remove_old", look)
    monkeypatch.setattr(retention.WorkspaceCleaning, "interval_s", 0.01)
    cleaning = retention.WorkspaceCleaning()
    cleaning.start()
    eventually(lambda: len(looks) > 1)
    cleaning.stop()
