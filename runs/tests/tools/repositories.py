"""Real git repositories to clone, and cloning them with the tool."""

import subprocess
from pathlib import Path

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome


def git(*arguments: str, cwd: Path, text: str = "") -> str:
    """Run git as Orion; what it prints."""
    command = ["git", "-c", "user.name=Orion", "-c", "user.email=orion@example.com", *arguments]
    done = subprocess.run(
        command, cwd=cwd, input=text, text=True, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.strip()


def make_repository(path: Path) -> Path:
    """A repository of 120 files, three commits and a branch."""
    path.mkdir()
    git("init", "--quiet", "--initial-branch=main", cwd=path)
    for number in range(120):
        (path / f"{number}.txt").write_text(f"{number}\n" * 100)
    git("add", ".", cwd=path)
    for number in range(3):
        git("commit", "--allow-empty", "-m", f"Commit {number}", cwd=path)
    git("branch", "release/2.0", cwd=path)
    return path


def clone(workspace: Path, emitter: Recorder, **params: object) -> Outcome:
    """Clone as a step with these parameters would; raises DRF's ValidationError."""
    git_clone = tools.get("git_clone")
    return git_clone.run(git_clone.clean(params), workspace, emitter)
