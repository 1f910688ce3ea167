"""What tools have made in a workspace, so that a task which is repeated there does not find it in its way.

A retry repeats the failed task from its first step in the workspace that the failure left: its clone
would find the directory of the clone before. So each such directory is noted with the task and with its
inode number, in the database, out of the tools' reach. Only what still stands there under that number is
removed: it did not exist before the task, whatever the steps after it have moved about.
"""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from runs.models import Run
from runs.patience import patiently
from runs.tools.removal import remove_tree
from runs.workspaces import out_of_reach, workspace_of

WAY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

logger = logging.getLogger(__name__)


def note(run: Run, *, task_id: str, made: str) -> None:
    """Remember ``made``, a directory of the workspace, as the work of this task of the run."""
    root = workspace_of(run).resolve()
    directory = (root / made).resolve()
    item = {
        "task_id": task_id,
        "path": str(directory.relative_to(root)),
        "inode": directory.stat().st_ino,
    }
    patiently(Run.objects.note_remains, run, [*run.remains, item])


def clear(run: Run) -> None:
    """Remove what the run's own tasks have left in its workspace in earlier runs.

    What cannot be removed stays; the step that finds it says what to do.
    """
    if not run.remains:
        return
    own = {task["task_id"] for task in run.plan["tasks"]}
    for item in run.remains:
        if item["task_id"] in own:
            try:
                _remove(workspace_of(run), item)
            except OSError:
                logger.exception("%s of run %s could not be removed", item["path"], run.pk)
    rest = [item for item in run.remains if item["task_id"] not in own]
    patiently(Run.objects.note_remains, run, rest)


def _remove(workspace: Path, item: dict) -> None:
    *above, name = PurePath(item["path"]).parts
    try:
        with _opened(workspace, above) as parent:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) or status.st_ino != item["inode"]:
                return
            # Renamed first: what is removed is where no tool can exchange a part of it for a link.
            doomed = out_of_reach()
            os.rename(name, doomed, src_dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):  # gone, or a link is in its place
        return
    remove_tree(doomed)


@contextmanager
def _opened(workspace: Path, parts: list[str]) -> Iterator[int]:
    """The directory below the workspace that these names lead to, through no symbolic link."""
    descriptor = os.open(workspace, WAY)
    try:
        for part in parts:
            outer = descriptor
            descriptor = os.open(part, WAY | os.O_NOFOLLOW, dir_fd=outer)
            os.close(outer)
        yield descriptor
    finally:
        os.close(descriptor)
