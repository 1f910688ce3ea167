"""Removes workspaces that no active run uses any more."""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crews.text import is_uuid
from runs.execution.removal import Throttle, no_throttle
from runs.models import Run
from runs.tools.removal import remove_tree
from runs.workspaces import REMOVAL_PREFIX, removal_path

# A directory without a run may belong to a run that is just being committed, or to a box test.
NO_RUN_GRACE_S = 3600.0

logger = logging.getLogger(__name__)
_NO_GUARD = nullcontext()


def remove_old(
    throttle: Throttle = no_throttle,
    *,
    guard: AbstractContextManager = _NO_GUARD,
) -> None:
    """Remove workspaces older than ``WORKSPACE_RETENTION_H``. Anything else there stays.

    Those of active runs stay, and of runs that ended less than that time ago: the time of a
    directory is that of its last new entry, which a long run may have made long before its end.
    ``throttle`` is called before each removal with 0 seconds, because no lock is held during it.
    ``guard`` is entered for as long as the database is used.
    """
    for workspace in _old():
        throttle(0)
        try:
            with guard:
                removable = _rename_for_removal(workspace)
            if removable:
                remove_tree(removable)
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


def _rename_for_removal(workspace: Path) -> Path | None:
    """Rename the workspace and return its new path; ``None`` if it is still needed or gone."""
    if workspace.name.startswith(REMOVAL_PREFIX):
        return workspace
    removable = removal_path()
    run_id = UUID(workspace.name)
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).first()
        try:
            age_s = time.time() - workspace.lstat().st_mtime
            if (run and _is_needed(run)) or (not run and age_s < NO_RUN_GRACE_S):
                return None
            workspace.rename(removable)
        except FileNotFoundError:
            return None
    return removable


def _is_needed(run: Run) -> bool:
    kept = timedelta(hours=settings.WORKSPACE_RETENTION_H)
    return not run.is_over or run.ended_at > timezone.now() - kept


def _is_ours(name: str) -> bool:
    """Whether we name a directory so. The setting may point at one that has other files, too."""
    if name.startswith(REMOVAL_PREFIX):
        return is_uuid(name.removeprefix(REMOVAL_PREFIX))
    return is_uuid(name)
