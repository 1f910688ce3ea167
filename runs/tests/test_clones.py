"""A failed task is repeated from its first step: what it cloned is cloned anew, and nothing else is
lost.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.execution import clones, run_queue
from runs.execution.executor import execute
from runs.models import Run, ToolExecution
from runs.tests.tools.repositories import git
from runs.tools.base import Emitter, Outcome, Status
from runs.tools.script import Script
from runs.workspaces import workspace_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


@pytest.fixture
def origin(tmp_path: Path, settings) -> Path:
    """A repository whose one test fails until `mend` commits what it wants."""
    settings.TOOLS_GIT_LOCAL_ROOT = str(tmp_path)
    path = tmp_path / "origin"
    path.mkdir()
    git("init", "--quiet", "--initial-branch=main", cwd=path)
    (path / "test_parcel.py").write_text("def test_weight():\n    assert 2 + 2 == 5\n")
    git("add", ".", cwd=path)
    git("commit", "--quiet", "--message=Weigh a parcel", cwd=path)
    return path


def mend(origin: Path) -> None:
    (origin / "test_parcel.py").write_text("def test_weight():\n    assert 2 + 2 == 4\n")
    git("commit", "--quiet", "--all", "--message=Weigh it rightly", cwd=origin)


def clone(origin: Path, **params: str) -> dict:
    return {"tool": "git_clone", "params": {"url": str(origin), **params}}


def bash(code: str) -> dict:
    return {
        "tool": "script",
        "params": {"interpreter": "bash", "code": code, "directory": "."},
    }


def carry_out(run: Run) -> Run:
    execute(run_queue.claim(worker="w"))
    run.refresh_from_db()
    return run


@pytest.fixture
def first_try(acme) -> Callable[..., Run]:
    """Carries out a run of the crew whose two tasks have these steps."""

    def carried_out(*steps_of_tasks: list[dict]) -> Run:
        for task, steps in zip(acme.crew.tasks.all(), steps_of_tasks, strict=True):
            task.steps = steps
            task.save()
        return carry_out(Run.objects.create(crew=acme.crew))

    return carried_out


def outcomes(run: Run) -> list[tuple[str, str]]:
    calls = ToolExecution.objects.filter(task_execution__run=run)
    return list(calls.values_list("tool", "status"))


def test_a_task_that_clones_and_tests_succeeds_once_the_cause_is_mended(first_try, origin):
    run = first_try([bash("echo kept > notes")], [clone(origin), {"tool": "pytest"}])
    assert outcomes(run)[1:] == [("git_clone", "success"), ("pytest", "completed_with_errors")]

    again = carry_out(run.run_again(from_failed=True))  # nothing is mended yet
    assert outcomes(again) == [("git_clone", "success"), ("pytest", "completed_with_errors")]

    mend(origin)
    third = carry_out(again.run_again(from_failed=True))
    assert (third.retry, third.status) == ("resumed", "succeeded"), third.message
    assert outcomes(third) == [("git_clone", "success"), ("pytest", "success")]
    assert {path.name for path in workspace_of(third.pk).glob("[!.]*")} == {"notes", "repo"}


def test_control_what_is_not_remembered_stands_in_the_way(first_try, origin, monkeypatch):
    run = first_try([], [clone(origin), {"tool": "pytest"}])
    mend(origin)
    monkeypatch.setattr(clones, "clear", lambda run: None)
    again = carry_out(run.run_again(from_failed=True))
    assert outcomes(again) == [("git_clone", "error")]
    assert "run again from the start: that begins in an empty workspace" in again.message


def test_the_clone_of_a_task_that_succeeded_stays(first_try, origin):
    later = [bash("cat repo/mark && test -e mended"), clone(origin, directory="second")]
    run = first_try([clone(origin), bash("echo mine > repo/mark")], later)
    (workspace_of(run.pk) / "mended").touch()
    again = carry_out(run.run_again(from_failed=True))
    assert again.status == "succeeded", again.message
    assert (workspace_of(again.pk) / "repo/mark").read_text() == "mine\n"


def test_a_task_that_may_fail_is_repeated_with_those_after_it(acme, first_try, origin):
    task = acme.crew.tasks.first()
    task.continue_on_error = True
    task.save()
    run = first_try([clone(origin), {"tool": "pytest"}], [clone(origin, directory="second")])
    assert [status for _, status in outcomes(run)] == [
        "success",
        "completed_with_errors",
        "success",
    ]
    mend(origin)
    again = carry_out(run.run_again(from_failed=True))
    assert again.status == "succeeded", again.message


def test_a_retry_that_never_began_hands_on_what_it_knows(first_try, origin):
    run = first_try([], [clone(origin), {"tool": "pytest"}])
    waiting = run.run_again(from_failed=True)
    waiting.cancel()
    mend(origin)
    assert carry_out(waiting.run_again(from_failed=True)).status == "succeeded"


def test_what_a_cancelled_run_cloned_is_cloned_anew(first_try, origin, monkeypatch):
    def cancel(tool: Script, params: dict, workspace: Path, emitter: Emitter) -> Outcome:
        Run.objects.get().cancel()
        while not emitter.cancelled():
            pass
        return Outcome(Status.ERROR)

    with monkeypatch.context() as patched:
        patched.setattr(Script, "run", cancel)
        run = first_try([], [clone(origin), bash("echo done")])
    assert (run.status, outcomes(run)) == (
        "cancelled",
        [("git_clone", "success"), ("script", "error")],
    )
    assert carry_out(run.run_again(from_failed=True)).status == "succeeded"


def test_below_another_directory(first_try, origin):
    run = first_try([], [clone(origin, directory="a/b"), bash("cd a/b && pytest -q; exit 1")])
    assert (workspace_of(run.pk) / "a/b/test_parcel.py").is_file()
    again = carry_out(run.run_again(from_failed=True))
    assert outcomes(again) == [("git_clone", "success"), ("script", "error")]


STEAL = "rm -rf repo && mv precious repo && exit 1"


def test_what_another_task_made_is_not_taken_for_the_clone(first_try, origin):
    run = first_try([bash("mkdir precious; echo 1 > precious/file")], [clone(origin), bash(STEAL)])
    again = carry_out(run.run_again(from_failed=True))
    assert outcomes(again) == [("git_clone", "error")]
    assert "repo exists already" in again.message
    assert (workspace_of(again.pk) / "repo/file").is_file()


class TestLinks:
    """A step has put a symbolic link where the clone was, or on the way there."""

    @pytest.fixture
    def outside(self, tmp_path) -> Path:
        """A directory that looks like the clone, with a canary."""
        (tmp_path / "outside/repo").mkdir(parents=True)
        (tmp_path / "outside/repo/canary").touch(mode=0o400)
        return tmp_path / "outside"

    @pytest.mark.parametrize(
        ("directory", "replaced", "target"),
        [("repo", "repo", "repo"), ("a/repo", "a", ""), ("a/repo", "a/repo", "repo")],
    )
    def test_are_not_followed(self, first_try, origin, outside, directory, replaced, target):
        run = first_try([], [clone(origin, directory=directory), bash("exit 1")])
        link = workspace_of(run.pk) / replaced
        shutil.move(link, workspace_of(run.pk) / "moved")
        link.symlink_to(outside / target)
        # Even if its number were the one that is remembered.
        (item,) = run.remains
        item["inode"] = (outside / "repo").stat().st_ino
        run.save()
        again = carry_out(run.run_again(from_failed=True))
        assert outcomes(again) == [("git_clone", "error")]
        assert (outside / "repo/canary").stat().st_mode & 0o777 == 0o400
        assert (workspace_of(again.pk) / replaced).is_symlink()

    def test_one_that_appears_at_the_last_moment_is_removed_itself(
        self, first_try, origin, outside, monkeypatch, settings
    ):
        run = first_try([], [clone(origin), bash("exit 1")])
        again = run.run_again(from_failed=True)
        rename = os.rename

        def exchange_and_rename(name: str, new: Path, *, src_dir_fd: int) -> None:
            rename(name, "moved", src_dir_fd=src_dir_fd, dst_dir_fd=src_dir_fd)
            os.symlink(outside / "repo", name, dir_fd=src_dir_fd)
            rename(name, new, src_dir_fd=src_dir_fd)

        monkeypatch.setattr(os, "rename", exchange_and_rename)
        clones.clear(again)
        assert (outside / "repo/canary").stat().st_mode & 0o777 == 0o400
        assert not (workspace_of(again.pk) / "repo").is_symlink()
        assert not list(settings.WORKSPACES_DIR.glob("removed-*"))
