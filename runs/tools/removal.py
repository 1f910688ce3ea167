"""Removes directories that tools have left, whatever modes and depth they have."""

import subprocess
from pathlib import Path


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
