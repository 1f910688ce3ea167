"""Hostile addresses, branches and repositories: nothing of theirs is executed."""

import itertools
import random
import subprocess
from pathlib import Path

import pytest
from rest_framework.exceptions import ValidationError

from runs.tests.tools.repositories import clone, git
from runs.tools import Status, git_command
from runs.tools.git_address import InvalidGitSource, check_branch

COMMANDS = (
    "touch {canary}",
    "touch$IFS{canary}",
    "sh -c 'touch {canary}'",
    "`touch {canary}`",
    "$(touch {canary})",
)
ADDRESSES = (
    "--upload-pack={command}",
    "--upload-pack={command};git-upload-pack",
    "-u{command}",
    "--config=core.fsmonitor={command}",
    "-ccore.sshCommand={command}",
    "--template={command}",
    "--exec={command}",
    "ext::{command}",
    "ext::sh -c {command}% %S",
    "EXT::{command}",
    "fd::{command}",
    "transport::{command}",
    "ssh://-oProxyCommand={command}/x",
    "ssh://host/-oProxyCommand={command}",
    "git+ssh://-oProxyCommand={command}/x",
    "-oProxyCommand={command}:x",
    "git@-oProxyCommand={command}:x",
    "https://example.com/x;{command}",
    "https://example.com/x|{command}",
    "https://example.com/x\n{command}",
    "https://-oProxyCommand={command}/x",
    "https://example.com@{command}/x",
    "file://{root}/../{command}",
    "{root}/x;{command}",
    "{root}/x --upload-pack={command}",
    "{root}/$(touch {canary})",
    "| {command}",
    "{command}",
)
BRANCHES = (
    "--upload-pack={command}",
    "-u{command}",
    "--config=core.fsmonitor={command}",
    "x --upload-pack={command}",
    "x;{command}",
    "x\n--upload-pack={command}",
    "refs/../{command}",
    "{command}",
)
PREFIXES = ("", " ", "\t", "\n", "'", '"', "\\", "\0")


def generated(templates: tuple[str, ...], **values: str) -> list[str]:
    """Every template with every command, and each of those behind a random prefix as well."""
    rng = random.Random(20)
    made = []
    for template, command in itertools.product(templates, COMMANDS):
        text = template.format(command=command, **values).format(**values)
        made += [text, *(prefix + text for prefix in rng.sample(PREFIXES[1:], 2))]
    return made


def test_five_hundred_hostile_addresses_and_branches_execute_nothing(
    workspace, emitter, origin, in_tier, settings
):
    """In the lowest tier, so that nothing but the checks under test stands in their way."""
    in_tier("limits")
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["example.com"]
    canary = workspace / "canary"
    values = {"canary": str(canary), "root": settings.TOOLS_GIT_LOCAL_ROOT}
    calls = [{"url": text} for text in generated(ADDRESSES, **values)]
    calls += [{"url": str(origin), "branch": text} for text in generated(BRANCHES, **values)]
    assert len(calls) >= 500
    refused = 0
    for params in calls:
        try:
            outcome = clone(workspace, emitter, **params)
        except ValidationError:
            refused += 1
        else:
            assert outcome.status == Status.ERROR
    assert refused > 0.9 * len(calls)
    assert not canary.exists()


def executes(workspace: Path, arguments: list[str]) -> bool:
    """Whether git, called without any check of ours, touches the canary."""
    subprocess.run(["git", "clone", *arguments], cwd=workspace, capture_output=True, check=False)
    return (workspace / "canary").exists()


def test_control_an_option_as_address(workspace, origin):
    assert executes(workspace, ["--upload-pack=touch canary;git-upload-pack", f"file://{origin}"])


def test_control_a_command_as_address(workspace):
    assert executes(workspace, ["-c", "protocol.ext.allow=always", "ext::touch canary", "repo"])


def test_control_an_option_as_branch(workspace, origin):
    branch = "--upload-pack=touch canary;git-upload-pack"
    assert executes(workspace, [branch, "--branch", "main", f"file://{origin}"])
    with pytest.raises(InvalidGitSource):
        check_branch(branch)


@pytest.fixture
def hostile(origin: Path) -> Path:
    """A repository with a link out, a submodule, a filter, a hook and a file-system monitor."""
    (origin / "link").symlink_to("/etc")
    (origin / ".gitattributes").write_text("* filter=evil\n")
    (origin / ".gitmodules").write_text(
        f'[submodule "sub"]\n\tpath = sub\n\turl = {origin}\n\tupdate = !touch canary\n'
    )
    (origin / ".lfsconfig").write_text("[lfs]\n\turl = https://evil.example\n")
    git("config", "core.fsmonitor", "touch canary", cwd=origin)
    git("config", "uploadpack.packObjectsHook", "touch canary;", cwd=origin)
    for name in ("post-checkout", "post-upload-pack", "reference-transaction"):
        hook = origin / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch canary\n")
        hook.chmod(0o755)
    git("-c", "core.fsmonitor=false", "add", ".", cwd=origin)
    git("-c", "core.fsmonitor=false", "commit", "--no-verify", "-m", "Evil", cwd=origin)
    for path in origin.rglob("canary"):
        path.unlink()  # left by git's own run of the hooks just now
    return origin


def canaries(*directories: Path) -> list[Path]:
    return [path for directory in directories for path in directory.rglob("canary")]


@pytest.mark.parametrize("tier", ["namespaces", "limits"])
def test_a_hostile_repository(workspace, emitter, hostile, in_tier, tier):
    in_tier(tier)
    assert clone(workspace, emitter, url=str(hostile)).status == Status.SUCCESS
    repo = workspace / "repo"
    assert not canaries(workspace, hostile)
    assert not [path for path in repo.rglob("*") if path.is_symlink()]
    assert not (repo / "sub").exists()
    config = (repo / ".git/config").read_text()
    assert "fsmonitor" not in config
    assert "submodule" not in config


def test_control_links_are_made_without_the_guard(workspace, emitter, hostile, monkeypatch):
    monkeypatch.delitem(git_command.GUARDS, "core.symlinks")
    clone(workspace, emitter, url=str(hostile))
    assert (workspace / "repo/link").is_symlink()


def test_control_hooks_run_without_the_guards(workspace, hostile):
    """What a template or a system configuration would bring along."""
    arguments = ["-c", f"core.hooksPath={hostile}/.git/hooks", f"file://{hostile}", "repo"]
    subprocess.run(["git", "clone", *arguments], cwd=workspace, capture_output=True, check=False)
    assert canaries(workspace)


# What a user or a system may have configured, and the guards that overrule it.
CONFIGURED = {
    "hooks": ("[core]\nhooksPath = {evil}\n", {"core.hooksPath"}),
    "smudge filter": (
        '[filter "lfs"]\nsmudge = touch {canary}; cat\n',
        {"filter.lfs.smudge", "filter.lfs.process"},
    ),
    "process filter": (
        '[filter "lfs"]\nprocess = touch {canary}; false\n',
        {"filter.lfs.process"},
    ),
    "another protocol": (
        '[core]\nsshCommand = touch {canary}; false\n[url "ssh://host/"]\ninsteadOf = file://\n',
        {"protocol.allow", "GIT_ALLOW_PROTOCOL"},
    ),
}


@pytest.fixture
def configure(workspace, origin, in_tier, tmp_path, monkeypatch):
    """Configures git for its user, in the tier without a box. The origin asks for git-lfs."""
    in_tier("limits")
    (origin / ".gitattributes").write_text("* filter=lfs\n")
    git("add", ".", cwd=origin)
    git("commit", "-m", "Large files", cwd=origin)
    (tmp_path / "evil").mkdir()
    hook = tmp_path / "evil/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {workspace}/canary\n")
    hook.chmod(0o755)

    def write(text: str) -> None:
        text = text.format(canary=f"{workspace}/canary", evil=tmp_path / "evil")
        (tmp_path / "config").write_text(text)
        monkeypatch.setitem(git_command.ENVIRONMENT, "GIT_CONFIG_GLOBAL", str(tmp_path / "config"))

    return write


each_configured = pytest.mark.parametrize(("text", "guards"), CONFIGURED.values(), ids=CONFIGURED)


@each_configured
def test_nothing_that_a_user_has_configured_is_executed(
    workspace, emitter, origin, configure, text, guards
):
    configure(text)
    clone(workspace, emitter, url=str(origin))
    assert not canaries(workspace)


@each_configured
def test_control_without_the_guards_it_is(
    workspace, emitter, origin, configure, monkeypatch, text, guards
):
    configure(text)
    for name in guards & git_command.GUARDS.keys():
        monkeypatch.delitem(git_command.GUARDS, name)
    if "GIT_ALLOW_PROTOCOL" in guards:
        monkeypatch.setattr(git_command, "environment", lambda *_: git_command.ENVIRONMENT)
    clone(workspace, emitter, url=str(origin))
    assert canaries(workspace)


def bomb(directory: Path) -> Path:
    """A repository of eight objects that checks out as 10^6 files."""
    directory.mkdir()
    git("init", "--quiet", "--initial-branch=main", cwd=directory)
    entry = f"100644 blob {git('hash-object', '-w', '--stdin', cwd=directory, text='x')}"
    for _ in range(6):
        tree = "".join(f"{entry}\t{number}\n" for number in range(10))
        entry = f"040000 tree {git('mktree', cwd=directory, text=tree)}"
    commit = git("commit-tree", "-m", "Bomb", entry.split()[-1], cwd=directory)
    git("update-ref", "refs/heads/main", commit, cwd=directory)
    return directory


def test_a_bomb_of_files_is_stopped(workspace, emitter, tmp_path, settings):
    settings.TOOLS_GIT_LOCAL_ROOT = str(tmp_path)
    settings.TOOLS_LIMIT_WORKSPACE_FILES = 5000
    outcome = clone(workspace, emitter, url=str(bomb(tmp_path / "bomb")))
    assert outcome.status == Status.ERROR
    assert outcome.message == "Stopped: over the workspace limit of 5000 files."
    assert not (workspace / "repo").exists()
