"""Running an ended run again: from the start, and from where it failed."""

import threading

import pytest
from django.db import OperationalError, connection

from crews.tracking import InvalidState
from realtime.models import Event
from runs.execution import run_queue
from runs.execution.executor import execute
from runs.models import Run, ToolExecution
from runs.tools.removal import remove_tree
from runs.workspaces import workspace_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


def bash(code: str) -> list[dict]:
    return [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]


def carry_out(run: Run) -> Run:
    execute(run_queue.claim(worker="w"))
    run.refresh_from_db()
    return run


@pytest.fixture
def failed(acme) -> Run:
    """A run whose first task has left a file and whose second failed for want of another."""
    codes = ("echo first >> done", "cat done && cat mended")
    for task, code in zip(acme.crew.tasks.all(), codes, strict=True):
        task.steps = bash(code)
        task.save()
    return carry_out(Run.objects.create(crew=acme.crew))


def names(run: Run) -> list[str]:
    return [task["name"] for task in run.plan["tasks"]]


def output(run: Run) -> str:
    return ToolExecution.objects.filter(task_execution__run=run).last().output


def test_from_the_failed_task_it_goes_on_in_the_same_workspace(acme, failed):
    (workspace_of(failed.pk) / "mended").write_text("second\n")
    retry = failed.run_again(user=acme.operator, from_failed=True)
    assert (retry.parent, retry.retry, retry.status) == (failed, "resumed", "queued")
    assert names(retry) == ["Vega works"]
    assert [task["name"] for task in retry.carried] == ["Orion works"]
    assert not workspace_of(failed.pk).exists()
    carry_out(retry)
    assert retry.status == "succeeded"
    assert output(retry) == "first\nsecond\n"  # once, so the first task was not repeated
    types = list(Event.objects.filter(stream_id=f"run:{retry.pk}").values_list("type", flat=True))
    assert types == ["boot", "agent_start", "task_start", "task_end", "agent_end", "done"]


def test_what_it_goes_on_with_is_the_parents_plan_and_not_the_crews(acme, failed):
    for task in acme.crew.tasks.all():
        task.name = "Changed since"
        task.save()
    assert names(failed.run_again(from_failed=True)) == ["Vega works"]
    assert names(failed.run_again()) == ["Changed since", "Changed since"]


def test_a_retry_of_a_retry_carries_what_both_have_done(failed):
    again = carry_out(failed.run_again(from_failed=True))
    assert again.status == "failed"
    third = again.run_again(from_failed=True)
    assert (names(third), [t["name"] for t in third.carried]) == (["Vega works"], ["Orion works"])
    assert third.parent == again
    assert (workspace_of(third.pk) / "done").is_file()


def test_run_again_is_the_whole_crew_in_a_workspace_of_its_own(failed):
    retry = failed.run_again()
    assert (retry.retry, retry.carried, len(retry.plan["tasks"])) == ("again", [], 2)
    assert workspace_of(failed.pk).is_dir()
    carry_out(retry)
    assert output(retry).startswith("first\ncat: mended")


@pytest.mark.parametrize("gone", ["removed", "taken over", "its worker was lost"])
def test_without_a_workspace_of_its_own_it_starts_over_and_says_so(acme, failed, gone):
    if gone == "removed":
        remove_tree(workspace_of(failed.pk))
    elif gone == "taken over":
        failed.run_again(from_failed=True)
    else:  # which may still be at work in there
        failed = acme.start_run()
        workspace_of(failed.pk).mkdir()
        Run.objects.get(pk=failed.pk).finish("failed", reason="worker_lost")
    retry = failed.run_again(from_failed=True)
    assert (retry.retry, retry.carried, len(retry.plan["tasks"])) == ("restarted", [], 2)
    assert not workspace_of(retry.pk).exists()


def test_a_worker_that_does_not_have_the_workspace_says_so(failed):
    retry = failed.run_again(from_failed=True)
    workspace_of(retry.pk).rename(workspace_of(retry.pk).with_name("another machine"))
    carry_out(retry)
    assert (retry.status, retry.reason) == ("failed", "workspace_lost")
    assert "Run it again from the start" in retry.message
    assert not ToolExecution.objects.filter(task_execution__run=retry).exists()


def test_a_run_cancelled_before_it_began_hands_on_what_it_had_taken_over(failed):
    waiting = failed.run_again(from_failed=True)
    waiting.cancel()
    retry = waiting.run_again(from_failed=True)
    assert (retry.retry, names(retry)) == ("resumed", ["Vega works"])
    assert (workspace_of(retry.pk) / "done").is_file()


def test_two_at_once_never_share_a_workspace(acme, failed):
    made: list[Run] = []

    def ask() -> None:
        try:
            made.append(Run.objects.get(pk=failed.pk).run_again(from_failed=True))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.retry for run in made) == ["restarted"] * 7 + ["resumed"]
    (retry,) = (run for run in made if run.retry == "resumed")
    assert [run for run in made if workspace_of(run.pk).exists()] == [retry]


@pytest.mark.parametrize("from_failed", [False, True])
def test_a_run_that_is_under_way_is_refused(acme, from_failed):
    for run in (acme.start_run(), Run.objects.create(crew=acme.crew)):
        with pytest.raises(InvalidState, match="Wait for its end"):
            run.run_again(from_failed=from_failed)
    assert Run.objects.count() == 2


def test_a_run_of_which_nothing_failed_is_run_again_but_not_gone_on_with(acme, failed):
    (workspace_of(failed.pk) / "mended").touch()
    done = carry_out(failed.run_again(from_failed=True))
    with pytest.raises(InvalidState, match="has succeeded"):
        done.run_again(from_failed=True)
    assert workspace_of(done.pk).is_dir()
    assert done.run_again().retry == "again"


def test_a_crew_that_is_deactivated_is_refused_and_the_workspace_stays(acme, failed):
    acme.crew.is_active = False
    acme.crew.save()
    failed.refresh_from_db()
    with pytest.raises(InvalidState, match="deactivated"):
        failed.run_again(from_failed=True)
    assert workspace_of(failed.pk).is_dir()


def test_a_crew_whose_budget_is_used_up_is_refused_and_the_workspace_stays(acme, failed):
    acme.crew.budget_day_tool_calls = 1
    acme.crew.save()
    with pytest.raises(InvalidState, match="2 of 1 tool calls"):
        failed.run_again(from_failed=True)
    assert (workspace_of(failed.pk) / "done").is_file()
    acme.crew.budget_day_tool_calls = 10
    acme.crew.save()
    assert_has_the_workspace(failed.run_again(from_failed=True))


def assert_has_the_workspace(retry: Run) -> None:
    assert retry.retry == "resumed"
    assert (workspace_of(retry.pk) / "done").is_file()


def test_a_retry_that_is_not_committed_leaves_the_workspace(failed, monkeypatch):
    def fail() -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "commit", fail)
        with pytest.raises(OperationalError):
            failed.run_again(from_failed=True)
    assert Run.objects.get() == failed
    assert (workspace_of(failed.pk) / "done").is_file()


def test_a_failure_after_the_commit_leaves_the_workspace_to_the_retry(failed, monkeypatch):
    def fail(*args) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Run.objects, "note_announced", fail)
    with pytest.raises(OperationalError):
        failed.run_again(from_failed=True)
    assert_has_the_workspace(Run.objects.get(parent=failed))


def test_a_retry_whose_commit_was_not_answered_keeps_the_workspace(failed, monkeypatch):
    commit = connection._commit

    def commit_and_fail() -> None:
        commit()
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "_commit", commit_and_fail)
        with pytest.raises(OperationalError):
            failed.run_again(from_failed=True)
    assert_has_the_workspace(Run.objects.get(parent=failed))


def test_a_key_is_of_one_retry_of_one_run(acme, failed):
    ask = {"user": acme.operator, "idempotency_key": "k"}
    first = failed.run_again(from_failed=True, **ask)
    assert failed.run_again(from_failed=True, **ask) == first
    with pytest.raises(InvalidState, match="another run"):
        Run.objects.request(crew=acme.crew, **ask)
    first.cancel()
    with pytest.raises(InvalidState, match="another run"):
        first.run_again(**ask)
    assert failed.run_again(user=acme.admin, idempotency_key="k") != first


def test_the_parent_may_be_deleted(failed):
    retry = failed.run_again()
    failed.delete()
    retry.refresh_from_db()
    assert (retry.parent, retry.retry) == (None, "again")
