"""The git_clone tool against real repositories."""

import subprocess
from pathlib import Path

import pytest

from runs.tests.tools.repositories import clone, git
from runs.tools import Outcome, Status
from runs.tools.git_address import parse
from runs.tools.git_clone import Percentages, argv


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
    assert outcome == Outcome(Status.ERROR, 128, "git ended with exit code 128.")
    assert "Remote branch missing not found" in emitter.output
    assert not (workspace / "repo").exists()


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
    command = argv(parse(str(origin)), {"directory": str(origin)})
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
