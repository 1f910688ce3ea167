"""Removing what tools have left, whatever they did to it."""

import subprocess
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove `directory` and all below it; symbolic links are removed, never followed.

    `shutil.rmtree` recurses, so it ends in RecursionError below a thousand levels, and it stops at
    a directory whose mode keeps its owner out. Raises OSError when something is left.
    """
    if directory.is_symlink():  # which `chmod` would follow
        directory.unlink()
        return
    subprocess.run(["chmod", "-Rf", "u+rwX", "--", directory], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", "--", directory], check=False)
    if directory.exists():
        raise OSError(f"{directory} could not be removed.")
