"""Where tasks work: together in the run's directory, or each in its own."""

import errno
from pathlib import Path

import pytest

from runs.models import ToolExecution
from runs.tests.parallel.conftest import END_S, wait_for
from runs.tests.tools.repositories import make_repository
from runs.workspaces import workspace_of
from tests.live import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


def apart(crew) -> None:
    crew.own_directories = True
    crew.save()


def test_a_task_sees_no_file_of_another(crew_of, begin):
    crew = crew_of(2, one=("echo one > file", []), two=("cat file", ["one"]))
    assert begin().end().status == "succeeded"  # they share the run's directory
    apart(crew)
    work = begin()
    assert work.end().status == "failed"
    assert work.statuses() == {"one": "succeeded", "two": "failed"}
    first = crew.tasks.get(name="one")
    assert (workspace_of(work.run.pk) / str(first.pk) / "file").read_text() == "one\n"


def test_a_task_that_gets_no_directory_fails_and_says_why(crew_of, begin, monkeypatch):
    """Also the task of a helper, which does not end the run."""
    crew = crew_of(2, may_fail=("one", "two"), one=(wait_for("end"), []), two=("true", []))
    apart(crew)
    first, second = (str(crew.tasks.get(name=name).pk) for name in ("one", "two"))
    mkdir = Path.mkdir

    def on_a_full_disk(path: Path, *args, **kwargs) -> None:
        if path.name == second:
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", on_a_full_disk)
    work = begin()
    eventually(work.run.task_executions.filter(name="two", status="failed").exists, END_S)
    assert work.has(first)
    work.touch(f"{first}/end")
    run = work.end()
    task = run.task_executions.get(name="two")
    assert task.reason == "no_workspace"
    assert task.message == "The task's directory could not be made: No space left on device."
    assert work.statuses() == {"one": "succeeded", "two": "failed"}
    assert (run.status, run.reason, run.attempt) == ("failed", "task_failed", 1)


def test_a_retry_clones_anew_in_the_directory_of_its_task(
    acme, crew_of, begin, tmp_path: Path, settings
):
    settings.TOOLS_GIT_LOCAL_ROOT = str(tmp_path)
    clone = {"tool": "git_clone", "params": {"url": str(make_repository(tmp_path / "origin"))}}
    crew = crew_of(2, may_fail=("one", "two"), one=("true", []), two=("[ -e ../again ]", []))
    apart(crew)
    for task in crew.tasks.all():
        task.steps = [clone, *task.steps]
        task.save()
    run = begin().end()
    assert run.status == "failed"
    assert ToolExecution.objects.filter(tool="git_clone", status="success").count() == 2
    retry = run.run_again(user=acme.operator, from_failed=True)
    assert [task["name"] for task in retry.plan["tasks"]] == ["two"]
    second = crew.tasks.get(name="two")
    (workspace_of(retry.pk) / str(second.pk) / "again").touch()
    assert begin(retry).end().status == "succeeded"
