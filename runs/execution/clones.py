"""Records the directories that tools create in a workspace, so that a retry can remove them.

A retry repeats the failed task from its first step, in the workspace that the failure left. Its
clone would fail, because the directory of the earlier clone still exists. So each such directory is
recorded with its task and its inode number, in the database, where no tool can change the record.
Only a directory that still has that inode number at that path is removed. So it did not exist
before the task, whatever later steps have moved.
"""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from runs.execution.outages import retry_on_outage
from runs.models import Run
from runs.tools.removal import remove_tree
from runs.workspaces import out_of_reach, workspace_of

WAY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

logger = logging.getLogger(__name__)


def note(run: Run, *, task_id: str, made: Path) -> None:
    """Record ``made``, a directory in the workspace, as created by this task of the run."""
    root = workspace_of(run.pk).resolve()
    directory = made.resolve()
    item = {
        "task_id": task_id,
        "path": str(directory.relative_to(root)),
        "inode": directory.stat().st_ino,
    }
    retry_on_outage(Run.objects.add_remains, run, item)


def clear(run: Run) -> None:
    """Remove the directories that the run's own tasks left in its workspace in earlier runs.

    A directory that cannot be removed stays. The step that then fails on it says what to do.
    """
    if not run.remains:
        return
    own = {task["task_id"] for task in run.plan["tasks"]}
    for item in run.remains:
        if item["task_id"] in own:
            try:
                _remove(workspace_of(run.pk), item)
            except OSError:
                logger.exception("%s of run %s could not be removed", item["path"], run.pk)
    rest = [item for item in run.remains if item["task_id"] not in own]
    retry_on_outage(Run.objects.note_remains, run, rest)


def _remove(workspace: Path, item: dict) -> None:
    *above, name = PurePath(item["path"]).parts
    try:
        with _opened(workspace, above) as parent:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) or status.st_ino != item["inode"]:
                return
            # Renamed first, to a place where no tool can replace a part of it by a symbolic link.
            doomed = out_of_reach()
            os.rename(name, doomed, src_dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):  # gone, or replaced by a link
        return
    remove_tree(doomed)


@contextmanager
def _opened(workspace: Path, parts: list[str]) -> Iterator[int]:
    """Open the directory at this path below the workspace. Symbolic links are not followed."""
    descriptor = os.open(workspace, WAY)
    try:
        for part in parts:
            outer = descriptor
            descriptor = os.open(part, WAY | os.O_NOFOLLOW, dir_fd=outer)
            os.close(outer)
        yield descriptor
    finally:
        os.close(descriptor)
