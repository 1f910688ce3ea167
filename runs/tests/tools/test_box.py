"""Which tier is chosen, what follows from a lesser one, and what the system checks say."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs import tools
from runs.checks import tools_are_boxed
from runs.tests.tools.recorder import Recorder
from runs.tests.tools.test_script_processes import processes_with
from runs.tools import Outcome, Status, box, fork_server
from runs.tools.box import Tier
from runs.tools.fork_server import LAUNCHER


def run(workspace: Path, emitter: Recorder, code: str) -> Outcome:
    script = tools.get("script")
    return script.run(script.clean({"interpreter": "bash", "code": code}), workspace, emitter)


def detect(monkeypatch, *works: str) -> Tier:
    """The tier found where only those named work."""
    monkeypatch.setattr(box, "_try", lambda tier: "" if tier.name in works else "it failed.")
    monkeypatch.setattr(box, "_tier", None)
    return box.tier()


@pytest.mark.parametrize("uid", [0, 1000])
def test_the_best_tier_that_works_is_chosen(monkeypatch, uid):
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    best = detect(monkeypatch, "namespaces", "user", "limits")
    assert (best.name, best.shortfall, best.is_sandbox) == ("namespaces", "", True)
    lesser = detect(monkeypatch, "user", "limits")
    assert lesser.name == ("limits" if uid else "user")
    assert lesser.shortfall == "namespaces: it failed."
    assert not lesser.is_sandbox
    assert detect(monkeypatch).name == "none"
    assert "it failed." in detect(monkeypatch).refusal


def test_root_runs_tools_as_root_only_where_that_is_allowed(monkeypatch, settings):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    settings.TOOLS_ALLOW_UNBOXED_ROOT = False
    for works in (("namespaces",), ("user",), ("limits",), ()):
        found = detect(monkeypatch, *works)
        assert found.uid or found.refusal
    settings.TOOLS_ALLOW_UNBOXED_ROOT = True
    assert detect(monkeypatch, "limits").name == "limits"
    assert detect(monkeypatch, "user", "limits").uid == box.TOOLS_UID


def test_no_tier_is_kept_from_a_time_when_no_workspace_could_be_made(
    monkeypatch, settings, tmp_path
):
    monkeypatch.setattr(box, "_tier", None)
    no_directory = tmp_path / "file"
    no_directory.touch()
    settings.WORKSPACES_DIR = no_directory
    assert box.tier().name == "none"
    assert box.tier() is box.tier()  # not looked for at once again
    monkeypatch.setattr(box, "NONE_S", 0.0)
    assert "The workspace could not be made: Not a directory." in box.tier().refusal
    settings.WORKSPACES_DIR = tmp_path
    found = box.tier()
    assert not found.refusal
    monkeypatch.delattr(box, "_find_tier")
    assert box.tier() is found  # without another look


def test_a_tier_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(box, "python", lambda: "/nowhere/python")
    monkeypatch.setattr(box, "_readable", lambda interpreter: ())
    assert "/nowhere/python could not be started" in box._try(Tier("limits"))


@pytest.mark.parametrize(
    ("tier", "required", "words"),
    [
        (
            Tier("limits", shortfall="namespaces: off."),
            True,
            "TOOLS_REQUIRE_SANDBOX is set. namespaces: off.",
        ),
        (Tier("none", shortfall="user: off."), False, "no way was found to box them. user: off."),
    ],
)
def test_refuses_to_run(workspace, emitter, settings, monkeypatch, tier, required, words):
    settings.TOOLS_REQUIRE_SANDBOX = required
    monkeypatch.setattr(box, "tier", lambda: tier)
    outcome = run(workspace, emitter, "touch ran")
    assert (outcome.status, outcome.exit_code) == (Status.ERROR, None)
    assert words in outcome.message
    assert not (workspace / "ran").exists()
    (error,) = tools_are_boxed()
    assert (error.id, error.is_serious()) == ("runs.E001", True)
    assert words in error.msg


def test_runs_in_a_sandbox_that_is_required(workspace, emitter, settings, in_tier):
    in_tier("namespaces")
    settings.TOOLS_REQUIRE_SANDBOX = True
    assert run(workspace, emitter, "touch ran").status == Status.SUCCESS
    assert tools_are_boxed() == []


def test_a_lesser_tier_is_warned_of(monkeypatch):
    monkeypatch.setattr(box, "tier", lambda: Tier("limits", shortfall="namespaces: off."))
    (warning,) = tools_are_boxed()
    assert (warning.id, warning.is_serious()) == ("runs.W001", False)
    assert "namespaces: off." in warning.msg
    assert "user namespaces" in warning.hint


def test_files_of_the_worker_are_the_tools_to_change(workspace, emitter):
    (workspace / "repo").mkdir(mode=0o755)
    (workspace / "repo/file").write_text("x")
    assert run(workspace, emitter, "echo y > file").status == Status.SUCCESS
    assert (workspace / "repo/file").read_text() == "y\n"


@pytest.mark.parametrize("spoil", ["echo x > {}", "ln -s /etc {}", "ln -s nowhere {}", "mkfifo {}"])
def test_private_directories_are_made_again(workspace, emitter, spoil):
    spoil = spoil.format("$HOME")
    run(workspace, emitter, f"rmdir $HOME; {spoil}")
    assert run(workspace, emitter, "touch $HOME/file").status == Status.SUCCESS
    assert stat.S_ISDIR((workspace / ".home").lstat().st_mode)


def test_a_tool_that_kills_its_launcher_does_not_get_away(workspace, emitter, in_tier, monkeypatch):
    """Possible only where it is the launcher's own user and sees it."""
    monkeypatch.setattr("runs.tools.launch.STOP_S", 0.5)
    in_tier("limits")
    number = f"98761.{os.getpid()}"
    outcome = run(workspace, emitter, f"setsid sleep {number} & kill -9 $PPID; sleep {number}")
    assert outcome.message == "The process that ran the tool was killed."
    assert not processes_with(number)


def test_the_launcher_has_nothing_of_the_workers_environment(workspace, emitter, in_tier):
    in_tier("limits")  # where a tool may read its launcher's
    run(workspace, emitter, r"cat /proc/$PPID/cmdline /proc/$PPID/environ | tr '\0' '\n'")
    *_, launcher, descriptor = emitter.output.split()  # its arguments, and nothing after them
    assert (launcher, descriptor.isdigit()) == (str(LAUNCHER), True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its tools another user")
class TestUserTier:
    @pytest.fixture(autouse=True)
    def _tier(self, monkeypatch):
        monkeypatch.setattr(box, "tier", lambda: Tier("user", box.TOOLS_UID))

    @pytest.fixture
    def open_workspace(self, tmp_path_factory) -> Path:
        """A workspace whose parents any user may enter."""
        workspace = tmp_path_factory.mktemp("open")
        for parent in (workspace, *workspace.parents):
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
        return workspace

    @pytest.fixture
    def group_of_root(self) -> Iterator[None]:
        """As a worker has that was started from a shell of root."""
        before = os.getgroups()
        os.setgroups([0])
        fork_server.end()  # the next one has this group
        yield
        os.setgroups(before)
        fork_server.end()

    @pytest.mark.usefixtures("group_of_root")
    def test_is_another_user_without_rights(self, open_workspace, emitter):
        run(open_workspace, emitter, "id -u; id -G; grep NoNewPrivs /proc/self/status; touch mine")
        assert emitter.output.split() == ["60999", "60999", "NoNewPrivs:", "1"]
        assert (open_workspace / "mine").stat().st_uid == box.TOOLS_UID

    def test_reads_nothing_private_to_root(self, open_workspace, emitter, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("canary")
        secret.chmod(0o600)
        code = f"cat {secret} /proc/{os.getpid()}/environ /proc/$PPID/environ"
        assert run(open_workspace, emitter, code).status == Status.ERROR
        assert emitter.output.count("Permission denied") == 3

    def test_processes_are_limited(self, open_workspace, emitter, settings):
        settings.TOOLS_LIMIT_PROCESSES = 20
        code = "for n in $(seq 60); do sleep 1 & done 2>&1 | head -1; jobs -p | wc -l"
        run(open_workspace, emitter, code)
        assert "Resource temporarily unavailable" in emitter.output
