"""The directories that tools work in: one a run, handed on to a retry, removed when nobody needs it.

A run's row lock decides who may move its workspace: a retry that takes it over, or the removal. Taking
over is a rename, so of two retries one gets the workspace and the other sees that it is gone.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from runs.models import Run
from runs.tools.removal import remove_tree

# A directory without a run may be that of a run which is just being committed, or of a trial of the box.
NOBODYS_FOR_S = 3600.0
DOOMED = "removed-"  # begins the name of what is being removed

logger = logging.getLogger(__name__)


def workspace_of(run: Run) -> Path:
    """The run's own directory, shared by its tools and by nobody else."""
    return settings.WORKSPACES_DIR / str(run.pk)


def can_be_handed_on(run: Run) -> bool:
    """Whether a retry could go on in the workspace: it exists, and nothing can be at work in it.

    A worker that lost its run may come back, and what its tool does until then is done in there.
    """
    return run.is_over and run.attempt <= 1 and workspace_of(run).is_dir()


def hand_on(run: Run, to: Run) -> bool:
    """Give the workspace to a retry; whether it could be had. The caller holds the run's lock."""
    if not can_be_handed_on(run):
        return False
    try:
        os.utime(workspace_of(run))  # as new, so that its removal is not due
        workspace_of(run).rename(workspace_of(to))
    except OSError:
        logger.exception("The workspace of run %s cannot be handed on", run.pk)
        return False
    return True


def out_of_reach() -> Path:
    """A new name, which no tool can get at, for what is to be removed. Should that fail, it is tried again."""
    return settings.WORKSPACES_DIR / f"{DOOMED}{uuid4()}"


def remove_old(rest: Callable[[float], None] = lambda took_s: None) -> None:
    """Remove what is older than ``WORKSPACE_RETENTION_H`` and belongs to no run that is under way.

    ``rest`` is called after each; no lock is held while files are removed, so with no seconds.
    """
    for workspace in _old():
        rest(0)
        try:
            if doomed := _take_out_of_reach(workspace):
                remove_tree(doomed)
        except OSError:
            logger.exception("Workspace %s could not be removed", workspace.name)


def _old() -> Iterator[Path]:
    kept_s = settings.WORKSPACE_RETENTION_H * 3600
    if not settings.WORKSPACES_DIR.is_dir():
        return
    for workspace in list(settings.WORKSPACES_DIR.iterdir()):
        try:
            age_s = time.time() - workspace.lstat().st_mtime
        except FileNotFoundError:  # handed on meanwhile
            continue
        if age_s > kept_s:
            yield workspace


def _take_out_of_reach(workspace: Path) -> Path | None:
    """The workspace under another name, or nothing where it is still needed or already gone."""
    if workspace.name.startswith(DOOMED):
        return workspace
    doomed = out_of_reach()
    run_id = _id_in(workspace.name)
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).first()
        try:
            age_s = time.time() - workspace.lstat().st_mtime
            if (run and not run.is_over) or (run_id and not run and age_s < NOBODYS_FOR_S):
                return None
            workspace.rename(doomed)
        except FileNotFoundError:
            return None
    return doomed


def _id_in(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
