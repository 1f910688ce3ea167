"""The directories that tools work in: one per run, passed to a retry, removed when unused.

A run's row lock decides which process may move its workspace: a retry that takes it over, or the
removal. Taking over is a rename, so one of two retries gets the workspace and the other finds
none.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

REMOVAL_PREFIX = "removed-"  # prefix of the name of a directory that is being removed

logger = logging.getLogger(__name__)


def workspace_of(run_id: UUID) -> Path:
    """The run's own directory. Only its tools use it."""
    return settings.WORKSPACES_DIR / str(run_id)


def directory_of(run_id: UUID, plan: Mapping[str, Any], task_id: str) -> Path:
    """Where the tools of a task work: in the run's workspace, or a directory of the task in it."""
    shared = workspace_of(run_id)
    return shared / task_id if plan.get("own_directories") else shared


def transfer(run_id: UUID, to: UUID) -> bool:
    """Give the workspace to a retry. Returns whether it worked. The caller holds the run's lock."""
    try:
        os.utime(workspace_of(run_id))  # as if new, so that its removal is not due
        workspace_of(run_id).rename(workspace_of(to))
    except OSError:
        logger.exception("The workspace of run %s could not be transferred", run_id)
        return False
    return True


@contextmanager
def returned_on_failure(
    run_id: UUID, *, exists: Callable[[UUID], bool]
) -> Iterator[Callable[[UUID], bool]]:
    """Yield ``transfer`` for this run, which keeps its workspace if no retry is made.

    The block contains the transaction that makes the retry, with its commit: a rollback does not
    undo the rename. ``exists`` says whether the retry was saved: an error may also be raised after
    the commit, or instead of its answer.
    """
    given_to: list[UUID] = []

    def transfer_to(retry_id: UUID) -> bool:
        if is_given := transfer(run_id, retry_id):
            given_to.append(retry_id)
        return is_given

    try:
        yield transfer_to
    except BaseException:
        for retry_id in given_to:
            if not exists(retry_id):
                transfer(retry_id, run_id)
        raise


def removal_path() -> Path:
    """Return a new path, which no tool can reach, for a directory that is to be removed.

    If the removal fails, a later cleaning tries it again.
    """
    return settings.WORKSPACES_DIR / f"{REMOVAL_PREFIX}{uuid4()}"
