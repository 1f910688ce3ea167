"""Records the directories that tools create in a workspace, so that a retry can remove them.

A retry repeats the failed task from its first step, in the workspace that the failure left. Its
clone would fail, because the directory of the earlier clone still exists. So each such directory is
recorded with its task and its inode number, in the database, where no tool can change the record.
A directory is removed only if the path still has the recorded inode number. So a directory that
the task did not create is kept, even if a later step has moved it to this path.
"""

import logging
from pathlib import Path

from runs.execution.retry_on_outage import retry_on_outage
from runs.models import Run
from runs.tools.removal import remove_inside
from runs.workspaces import workspace_of

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
                remove_inside(workspace_of(run.pk), item["path"], inode=item["inode"])
            except OSError:
                logger.exception("%s of run %s could not be removed", item["path"], run.pk)
    rest = [item for item in run.remains if item["task_id"] not in own]
    retry_on_outage(Run.objects.note_remains, run, rest)
