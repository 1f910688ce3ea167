"""Describes the files that a clone has written to the workspace, and the parts left out."""

import os
import re
from pathlib import Path

MAX_ENTRIES = 50_000  # entries read; the description of a larger checkout covers only these
MAX_FILE_BYTES = 64 * 1024
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
MAX_POINTER_BYTES = 1024  # git-lfs' own limit
SUBMODULE = re.compile(r"^[ \t]*\[submodule ", re.MULTILINE)
REMOTE_BRANCH = re.compile(r"^[0-9a-f]+ refs/remotes/origin/(?!HEAD$)(.+)$", re.MULTILINE)


def is_unborn(checkout: Path) -> bool:
    """Whether HEAD names a branch that does not exist, so nothing was checked out."""
    reference = _text(checkout / ".git/HEAD").strip().removeprefix("ref: ")
    if not reference.startswith("refs/"):
        return False  # a commit's id
    packed = _text(checkout / ".git/packed-refs")
    return not (checkout / ".git" / reference).is_file() and f" {reference}\n" not in packed


def branches(checkout: Path) -> list[str]:
    """Return the branches of the repository that a fresh clone knows."""
    return REMOTE_BRANCH.findall(_text(checkout / ".git/packed-refs"))


def left_out(checkout: Path) -> str:
    """Return a sentence about the parts that the clone does not contain, or ""."""
    submodules = len(SUBMODULE.findall(_text(checkout / ".gitmodules")))
    pointers = _lfs_pointers(checkout)
    said = []
    if submodules:
        one = submodules == 1
        said.append(f"{submodules} submodule{' was' if one else 's were'} not cloned")
    if pointers:
        one = pointers == 1
        said.append(
            f"{pointers} file{' is a pointer' if one else 's are pointers'} of Git LFS without "
            "content"
        )
    return f" {', and '.join(said)}." if said else ""  # fmt: skip


def _lfs_pointers(checkout: Path) -> int:
    uses_lfs, small = False, []
    for entry in _files(checkout):
        if entry.name == ".gitattributes":
            uses_lfs = uses_lfs or "filter=lfs" in _text(Path(entry.path))
        elif entry.stat(follow_symlinks=False).st_size <= MAX_POINTER_BYTES:
            small.append(entry.path)
    if not uses_lfs:
        return 0
    return sum(_text(Path(path)).encode().startswith(LFS_POINTER) for path in small)


def _files(checkout: Path):
    """Yield at most `MAX_ENTRIES` files, without those in .git, and without following links."""
    pending, seen = [checkout], 0
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_ENTRIES:
                    return
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git":
                        pending.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield entry


def _text(path: Path) -> str:
    """Return the beginning of a regular file, or "" if there is none. Its content is untrusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_FILE_BYTES).decode(errors="replace")
