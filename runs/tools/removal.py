"""Removes directories that tools have left, whatever modes and depth they have."""

import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from runs.workspaces import removal_path

OPEN_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def remove_inside(workspace: Path, path: str, *, inode: int | None = None) -> None:
    """Remove the directory at this relative path of a workspace, if it exists.

    Tools of other tasks may work in the workspace at the same time and replace a directory of the
    path by a symbolic link. No link is followed, so nothing outside the workspace is removed. With
    ``inode``, only a directory of this inode number is removed. Raises OSError if something is
    left.
    """
    *above, name = PurePath(path).parts
    try:
        with _opened(workspace, above) as parent:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            is_directory = stat.S_ISDIR(status.st_mode)
            if inode is not None and not (is_directory and status.st_ino == inode):
                return
            # Renamed first, to a place where no tool can replace a part of it by a symbolic link.
            removable = removal_path()
            os.rename(name, removable, src_dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):  # gone, or replaced by a link
        return
    remove_tree(removable)


@contextmanager
def _opened(workspace: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open the directory at this path below the workspace. Symbolic links are not followed."""
    descriptor = os.open(workspace, OPEN_DIRECTORY)
    try:
        for part in parts:
            outer = descriptor
            descriptor = os.open(part, OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer)
            os.close(outer)
        yield descriptor
    finally:
        os.close(descriptor)


def remove_tree(directory: Path) -> None:
    """Remove `directory` and everything below it. Symbolic links are removed, never followed.

    `shutil.rmtree` recurses, so it fails with RecursionError below a thousand levels. It also stops
    at a directory whose mode denies access to its owner. Raises OSError if something is left.
    """
    if directory.is_symlink():  # `chmod` would follow it
        directory.unlink()
        return
    subprocess.run(["chmod", "-Rf", "u+rwX", "--", directory], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", "--", directory], check=False)
    if directory.exists():
        raise OSError(f"{directory} could not be removed.")
