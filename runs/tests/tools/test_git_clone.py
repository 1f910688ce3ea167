"""The git_clone tool against real repositories."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runs.tests.tools.repositories import clone, git
from runs.tools import Outcome, Status, git_command, process
from runs.tools.git_address import parse
from runs.tools.git_output import Percentages, fatal


def test_clones_with_gits_own_percentages(workspace, emitter, origin):
    assert clone(workspace, emitter, url=str(origin)) == Outcome(
        Status.SUCCESS, 0, "Cloned into repo.", made="repo"
    )
    assert (workspace / "repo/119.txt").is_file()
    assert emitter.values == sorted(emitter.values)
    assert emitter.values[-1] == 1.0
    assert len(set(emitter.values)) > 50
    assert "Receiving objects: 100%" in emitter.messages
    assert "Cloning into 'repo'..." in emitter.output


def test_branch_and_depth(workspace, emitter, origin):
    clone(workspace, emitter, url=f"file://{origin}", branch="release/2.0", depth=1)
    head = (workspace / "repo/.git/HEAD").read_text()
    assert head == "ref: refs/heads/release/2.0\n"
    assert (workspace / "repo/.git/shallow").read_text().count("\n") == 1


def test_without_depth_the_whole_history(workspace, emitter, origin):
    clone(workspace, emitter, url=str(origin))
    assert not (workspace / "repo/.git/shallow").exists()


def test_a_second_clone_needs_another_directory(workspace, emitter, origin):
    clone(workspace, emitter, url=str(origin))
    outcome = clone(workspace, emitter, url=str(origin))
    assert outcome.status == Status.ERROR
    assert outcome.message == (
        "repo exists already: give this clone another directory. If an earlier run left it, run "
        "again from the start: that begins in an empty workspace."
    )
    assert clone(workspace, emitter, url=str(origin), directory="second").status == Status.SUCCESS


@pytest.mark.parametrize("tier", ["namespaces", "limits"])  # a box alone would hold, too
def test_does_not_clone_through_a_symbolic_link(
    workspace, emitter, origin, tmp_path, in_tier, tier
):
    in_tier(tier)
    (workspace / "way-out").symlink_to(tmp_path)
    outcome = clone(workspace, emitter, url=str(origin), directory="way-out/clone")
    assert outcome.status == Status.ERROR
    assert not (tmp_path / "clone").exists()


def test_a_failed_clone_leaves_nothing(workspace, emitter, origin):
    outcome = clone(workspace, emitter, url=str(origin), branch="missing")
    message = "git could not clone: Remote branch missing not found in upstream origin."
    assert outcome == Outcome(Status.ERROR, 128, message)
    assert "Remote branch missing not found" in emitter.output
    assert not (workspace / "repo").exists()


def test_a_failed_clone_removes_nothing_behind_a_link(
    workspace, emitter, origin, tmp_path, monkeypatch
):
    """A tool of another task has put a link where the directory above the clone was."""
    canary = tmp_path / "outside/repo/canary"
    canary.parent.mkdir(parents=True)
    canary.touch()
    run = process.run

    def run_and_replace(*args: Any, **kwargs: Any) -> process.Finished:
        finished = run(*args, **kwargs)
        shutil.rmtree(workspace / "vendor", ignore_errors=True)
        (workspace / "vendor").symlink_to(tmp_path / "outside")
        return finished

    monkeypatch.setattr(process, "run", run_and_replace)
    outcome = clone(workspace, emitter, url=str(origin), branch="missing", directory="vendor/repo")
    assert outcome.status == Status.ERROR
    assert canary.exists()


def test_hooks_and_symbolic_links_of_a_repository_stay_harmless(workspace, emitter, origin):
    (origin / "link").symlink_to("/etc/passwd")
    git("add", "link", cwd=origin)
    git("commit", "-m", "Link", cwd=origin)
    clone(workspace, emitter, url=str(origin))
    assert not (workspace / "repo/link").is_symlink()
    assert not list((workspace / "repo/.git").glob("hooks/*"))


def test_percentages_never_go_back(emitter):
    percentages = Percentages(emitter)
    for text in ("Receiving objects:  50% (1/2)\rRecei", "ving objects: 100%", " (2/2)\rremote: "):
        percentages.read(text)
    percentages.read("Counting objects: 100% (9/9)\rResolving deltas:  50% (1/2)\r")
    assert emitter.values == pytest.approx([0.45, 0.8, 0.8, 0.85])


def test_a_long_line_is_not_kept(emitter):
    percentages = Percentages(emitter)
    for _ in range(100):
        percentages.read("x" * 100_000)
    assert len(percentages._tail) <= 200


def clone_with_an_option_as_address(
    workspace: Path, origin: Path, *, without: str | None = None
) -> bool:
    """Whether git executed the command hidden in the "address"."""
    canary = workspace / "canary"
    command = git_command.clone(parse(str(origin)), {"directory": str(origin)})
    command[command.index("--") + 1] = f"--upload-pack=touch {canary}; git-upload-pack"
    if without:
        command.remove(without)
    environment = {"PATH": "/usr/bin:/bin", "GIT_ALLOW_PROTOCOL": "file"}
    subprocess.run(command, cwd=workspace, env=environment, capture_output=True, check=False)
    return canary.exists()


def test_an_option_as_address_is_not_executed(workspace, origin):
    assert not clone_with_an_option_as_address(workspace, origin)


def test_control_without_the_dashes_it_is(workspace, origin):
    assert clone_with_an_option_as_address(workspace, origin, without="--")


def test_says_what_git_said_last():
    assert fatal("Cloning ...\rfatal: early EOF\nfatal: no.\nremote: fatal: x\n") == "no."
    assert fatal("remote: fatal: x\nfatality: y\n") == ""
    said = (
        "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote.\n"
    )
    assert fatal(said) == "'/x' does not appear to be a git repository."
    assert fatal("fatal: early EOF\n") == "early EOF."
    assert len(fatal(f"fatal: {'x' * 10_000}")) < 400


def test_a_commit(workspace, emitter, origin):
    commit = git("rev-parse", "main~1", cwd=origin)
    assert clone(workspace, emitter, url=str(origin), branch=commit.upper()) == Outcome(
        Status.SUCCESS, 0, f"Cloned into repo at commit {commit[:12]}.", made="repo"
    )
    assert (workspace / "repo/.git/HEAD").read_text() == f"{commit}\n"
    assert (workspace / "repo/119.txt").is_file()
    assert emitter.values == sorted(emitter.values)


@pytest.mark.parametrize("depth", [None, 1])
def test_a_commit_that_no_branch_contains(workspace, emitter, origin, depth):
    commit = git("commit-tree", "-m", "Of a merge request", "main^{tree}", cwd=origin)
    git("update-ref", "refs/pull/1/head", commit, cwd=origin)
    more = {"depth": depth} if depth else {}
    outcome = clone(workspace, emitter, url=str(origin), branch=commit, **more)
    assert outcome.status == Status.SUCCESS
    assert (workspace / "repo/.git/HEAD").read_text() == f"{commit}\n"


def test_a_commit_that_is_not_there(workspace, emitter, origin):
    outcome = clone(workspace, emitter, url=str(origin), branch="1a" * 20)
    assert outcome.status == Status.ERROR
    assert "1a1a" in outcome.message
    assert outcome.message.endswith(" The repository has no such commit, or does not hand it out.")
    assert not (workspace / "repo").exists()
    tag = clone(workspace, emitter, url=str(origin), branch="tags/v1.0")
    assert tag.message.endswith(" Write the branch or tag alone: v1.0.")
    short = clone(workspace, emitter, url=str(origin), branch="1a2b3c4")
    assert short.message.endswith(" A commit is named by its whole id, of 40 characters.")


def test_nothing_checked_out_is_an_error(workspace, emitter, origin, tmp_path):
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=origin)
    assert clone(workspace, emitter, url=str(origin)) == Outcome(
        Status.ERROR,
        0,
        "Nothing was checked out: the repository's HEAD names a branch that does not exist. "
        "Name one of its branches as the branch of this step: main, release/2.0.",
    )
    assert not (workspace / "repo").exists()
    assert clone(workspace, emitter, url=str(origin), branch="main").status == Status.SUCCESS
    git("init", "--quiet", "--bare", "empty", cwd=tmp_path)
    assert clone(workspace, emitter, url=str(tmp_path / "empty"), directory="other") == Outcome(
        Status.ERROR,
        0,
        "Nothing was checked out: the repository is empty. Push a commit to it first.",
    )


def test_says_what_was_left_out(workspace, emitter, origin):
    (origin / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (origin / "model.bin").write_text(pointer)
    (origin / ".gitmodules").write_text(
        "".join(f'[submodule "{x}"]\n\tpath = {x}\n\turl = ../{x}\n' for x in "ab")
    )
    git("-c", "filter.lfs.clean=", "add", ".", cwd=origin)
    for name in "ab":
        entry = f"160000,{git('rev-parse', 'HEAD', cwd=origin)},{name}"
        git("update-index", "--add", "--cacheinfo", entry, cwd=origin)
    git("commit", "-m", "More", cwd=origin)
    assert clone(workspace, emitter, url=str(origin)).message == (
        "Cloned into repo. 2 submodules were not cloned, and 1 file is a pointer of Git LFS "
        "without content."
    )
