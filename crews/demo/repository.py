"""Creates the git repositories of the demo: real histories, the same commits on every machine."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
FIRST_COMMIT_AT = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
BETWEEN_COMMITS = timedelta(hours=27)
# The git configuration of the user and the system is ignored, and no hook runs.
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
PLAIN = ("-c", f"core.hooksPath={os.devnull}", "-c", "commit.gpgSign=false")


class GitFailed(Exception):
    """git is missing or has failed. The message contains git's error output."""


@dataclass(frozen=True, slots=True)
class Commit:
    """``files`` of ``sources/<repository>/<branch>``. The first commit of a branch creates it."""

    message: str
    author: str
    files: tuple[str, ...]
    branch: str = "main"


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    commits: tuple[Commit, ...]

    @property
    def branches(self) -> set[str]:
        return {commit.branch for commit in self.commits}


def ensure(repository: Repository, path: Path) -> bool:
    """Create the repository at ``path``, unless it is complete. Return whether it was created.

    Later commits to a complete repository are kept. Raises ``GitFailed``.
    """
    if _is_whole(repository, path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as directory:
        made = Path(directory) / path.name
        _make(repository, made)
        if path.exists():
            shutil.rmtree(path)
        made.rename(path)  # complete or not at all
    return True


def _is_whole(repository: Repository, path: Path) -> bool:
    if not (path / ".git").is_dir():
        return False
    try:
        for branch in repository.branches:
            _git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        _git(path, "fsck", "--connectivity-only", "--no-dangling")
    except GitFailed:
        return False
    return True


def _make(repository: Repository, path: Path) -> None:
    path.mkdir()
    _git(path, "init", "--quiet", "--initial-branch=main", "--template=")
    at = FIRST_COMMIT_AT
    branch = "main"
    for commit in repository.commits:
        if commit.branch != branch:
            branch = commit.branch
            _git(path, "switch", "--quiet", "--create", branch)
        _commit(repository, commit, path, at)
        at += BETWEEN_COMMITS
    if branch != "main":
        _git(path, "switch", "--quiet", "main")


def _commit(repository: Repository, commit: Commit, path: Path, at: datetime) -> None:
    for file in commit.files:
        target = path / file
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(SOURCES / repository.name / commit.branch / file, target)
    who = {"NAME": commit.author, "EMAIL": f"{commit.author.lower()}@{repository.name}.example"}
    identity = {
        f"GIT_{part}_{key}": value
        for part in ("AUTHOR", "COMMITTER")
        for key, value in (who | {"DATE": at.isoformat()}).items()
    }
    _git(path, "add", "--", *commit.files)
    _git(path, "commit", "--quiet", f"--message={commit.message}", extra=identity)


def _git(path: Path, *arguments: str, extra: dict[str, str] | None = None) -> None:
    # GIT_DIR and similar variables would make git use another repository.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        subprocess.run(
            ["git", *PLAIN, *arguments],
            cwd=path,
            env=ours | ENVIRONMENT | (extra or {}),
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise GitFailed("git was not found. Install git and try again.") from None
    except subprocess.CalledProcessError as error:
        raise GitFailed(f"git {arguments[0]} failed: {error.stderr.strip()}") from None
