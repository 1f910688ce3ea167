"""Removes workspaces that no active run uses any more."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from runs.models import Run
from runs.tools.removal import remove_tree
from runs.workspaces import DOOMED, out_of_reach

# A directory without a run may belong to a run that is just being committed, or to a box test.
NOBODYS_FOR_S = 3600.0

logger = logging.getLogger(__name__)
_NO_GUARD = nullcontext()


def remove_old(
    rest: Callable[[float], None] = lambda took_s: None,
    *,
    guard: AbstractContextManager = _NO_GUARD,
) -> None:
    """Remove workspaces older than ``WORKSPACE_RETENTION_H``. Anything else there stays.

    Those of active runs stay, and of runs that ended less than that time ago: the time of a
    directory is that of its last new entry, which a long run may have made long before its end.
    ``rest`` is called before each removal with 0 seconds, because no lock is held during it.
    ``guard`` is entered for as long as the database is used.
    """
    for workspace in _old():
        rest(0)
        try:
            with guard:
                doomed = _take_out_of_reach(workspace)
            if doomed:
                remove_tree(doomed)
        except OSError:
            logger.exception("Workspace %s could not be removed", workspace.name)


def _old() -> Iterator[Path]:
    kept_s = settings.WORKSPACE_RETENTION_H * 3600
    if not settings.WORKSPACES_DIR.is_dir():
        return
    for workspace in list(settings.WORKSPACES_DIR.iterdir()):
        if not _is_ours(workspace.name):
            continue
        try:
            age_s = time.time() - workspace.lstat().st_mtime
        except FileNotFoundError:  # given to a retry meanwhile
            continue
        if age_s > kept_s:
            yield workspace


def _take_out_of_reach(workspace: Path) -> Path | None:
    """Rename the workspace and return its new path; ``None`` if it is still needed or gone."""
    if workspace.name.startswith(DOOMED):
        return workspace
    doomed = out_of_reach()
    run_id = UUID(workspace.name)
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).first()
        try:
            age_s = time.time() - workspace.lstat().st_mtime
            if (run and _is_needed(run)) or (not run and age_s < NOBODYS_FOR_S):
                return None
            workspace.rename(doomed)
        except FileNotFoundError:
            return None
    return doomed


def _is_needed(run: Run) -> bool:
    kept = timedelta(hours=settings.WORKSPACE_RETENTION_H)
    return not run.is_over or run.ended_at > timezone.now() - kept


def _is_ours(name: str) -> bool:
    """Whether we name a directory so. The setting may point at one that has other files, too."""
    if name.startswith(DOOMED):
        return _is_id(name.removeprefix(DOOMED))
    return _is_id(name)


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
