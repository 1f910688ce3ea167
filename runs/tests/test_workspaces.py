"""Which workspaces are removed, and that none is which somebody works in or has just taken over."""

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest

from runs import workspaces
from runs.execution import workspace_removal
from runs.models import Run
from runs.models.retry import can_hand_on_workspace

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


@pytest.mark.parametrize(
    ("status", "age_h", "kept"),
    [("succeeded", 3, False), ("succeeded", 1, True), ("running", 3, True), ("queued", 3, True)],
)
def test_an_old_workspace_of_an_ended_run_is_removed(acme, status, age_h, kept):
    run = Run.objects.create(crew=acme.crew) if status == "queued" else acme.start_run()
    if status == "succeeded":
        run.finish("succeeded")
    workspace = make(workspaces.workspace_of(run.pk), age_h=age_h)
    workspace_removal.remove_old()
    assert workspace.exists() == kept


@pytest.mark.parametrize(("age_h", "kept"), [(0.5, True), (1.5, False)])
def test_a_run_that_nobody_knows_yet_is_given_an_hour(settings, root, age_h, kept):
    settings.WORKSPACE_RETENTION_H = 0.0
    workspace = make(root / str(uuid4()), age_h=age_h)
    workspace_removal.remove_old()
    assert workspace.exists() == kept


def test_what_could_not_be_removed_is_tried_again(acme, root, monkeypatch, caplog):
    run = acme.start_run()
    run.finish("succeeded")
    make(workspaces.workspace_of(run.pk), age_h=3)

    def refuse(directory: Path) -> None:
        raise OSError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(workspace_removal, "remove_tree", refuse)
        workspace_removal.remove_old()
    assert "could not be removed" in caplog.text
    assert not can_hand_on_workspace(run)  # half of it may be gone
    workspace_removal.remove_old()
    assert not list(root.iterdir())


def test_a_workspace_that_another_sweep_removes_is_nobodys_fault(root, monkeypatch, caplog):
    for name in "abc":
        make(root / name, age_h=3)
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
    assert workspaces.hand_on(parent.pk, retry.pk)
    workspace_removal.remove_old()
    assert (workspaces.workspace_of(retry.pk) / "made").exists()
    assert not workspaces.hand_on(parent.pk, retry.pk)
