"""Tool calls that never began as nobody approved them: on the run page and in comparisons."""

import re
from uuid import uuid4

import pytest
from django.utils import timezone

from runs.events.encoding import iso_utc
from runs.models import Approval, Run, TaskExecution, ToolExecution
from runs.pages.comparison import Comparison
from runs.tests.scene import page_of
from runs.tests.test_large_run import begin, large_run

pytestmark = pytest.mark.django_db


def ask(task: TaskExecution) -> Approval:
    call = {"agent_id": task.agent_id, "tool": "script", "params": {}, "expires_after_s": 60}
    return Approval.objects.request(id=uuid4(), run=task.run, task_id=task.task_id, **call)


def refuse(run: Run, *, status: str = "denied") -> Approval:
    """The first task calls a tool, and then one that is denied or expires. So the run fails."""
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    first = ToolExecution.objects.start(task_execution=task, tool="git_clone", params={})
    first.end("success", exit_code=0)
    approval = ask(task)
    if status == "denied":
        approval.decide("denied", by="somebody", seen=approval.seen, note="not today")
    else:
        approval.expire()
    task.finish("failed", reason=f"approval_{status}")
    run.finish("failed", reason="task_failed")
    return approval


def row_of(page: str, approval: Approval) -> str:
    """The text of the row, without its tags; "" if there is none."""
    found = re.search(rf'<div class="tool-planned" id="refused-{approval.pk}".*?</div>', page)
    return " ".join(re.sub("<[^>]*>", " ", found[0]).split()) if found else ""


def version_of(page: str, approval: Approval) -> str:
    return re.search(rf'id="task-{approval.task_id}" data-version="([^"]+)"', page)[1]


@pytest.mark.parametrize("part", ["", "live/"])
def test_a_denied_call_stays_in_its_task_with_who_denied_it(acme, part):
    approval = refuse(acme.start_run())
    page = page_of(acme.viewer, approval.run, part)
    assert row_of(page, approval) == "script Denied : Denied by somebody: not today Show"
    assert page.index('data-tool="git_clone"') < page.index(f"refused-{approval.pk}")


def test_an_expired_call_stays_in_its_task(acme):
    approval = refuse(acme.start_run(), status="expired")
    row = row_of(page_of(acme.viewer, approval.run), approval)
    assert row == "script Expired : Nobody has approved it in time. Show"


def test_a_decision_changes_the_version_of_the_task(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    approval = ask(task)
    waiting = page_of(acme.viewer, run)
    assert f"waits-{approval.pk}" in waiting
    approval.decide("denied", by="somebody", seen=approval.seen)
    denied = page_of(acme.viewer, run)
    assert f"waits-{approval.pk}" not in denied
    assert row_of(denied, approval)
    assert version_of(waiting, approval) != version_of(denied, approval)


def test_a_reader_who_only_has_the_link_does_not_learn_who_denied(acme):
    approval = refuse(acme.start_run())
    approval.run.share(True)
    assert row_of(page_of(None, approval.run), approval) == "script Denied"


def test_a_past_moment_shows_the_call_as_it_was(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    approval = ask(task)
    waited = iso_utc(timezone.now())
    approval.decide("denied", by="somebody", seen=approval.seen)
    denied = iso_utc(timezone.now())
    task.finish("failed")
    run.finish("failed", reason="task_failed")
    before = page_of(acme.viewer, run, f"?at={waited}")
    assert f"waits-{approval.pk}" in before
    assert not row_of(before, approval)
    assert row_of(page_of(acme.viewer, run, f"?at={denied}"), approval)


def test_a_large_run_shows_it_in_the_open_task(acme):
    run = large_run(acme, 200)
    task, [tool] = begin(run, 150)
    tool.end("success", exit_code=0)
    approval = ask(task)
    approval.decide("denied", by="somebody", seen=approval.seen)
    task.finish("failed")
    run.finish("failed", reason="task_failed")
    assert row_of(page_of(acme.viewer, run), approval)


class TestComparison:
    def other(self, acme) -> Run:
        run = acme.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        for tool in ("git_clone", "script"):
            call = ToolExecution.objects.start(task_execution=task, tool=tool, params={})
            call.end("success", exit_code=0)
        task.finish("succeeded")
        run.finish("succeeded")
        return run

    def test_says_that_the_call_was_denied(self, acme):
        before, after = self.other(acme), refuse(acme.start_run()).run
        steps = Comparison(before, after).pairs[0].steps
        assert [step.difference for step in steps] == ["", "Denied in the second run"]
        page = page_of(acme.viewer, after, "compare/")
        assert "Denied in the second run" in page
        assert re.search(r'#refused-[^"]+"><span class="visually-hidden">B: </span>denied', page)

    def test_a_call_that_was_denied_twice_is_no_difference(self, acme):
        before, after = refuse(acme.start_run()).run, refuse(acme.start_run()).run
        assert Comparison(before, after).divergence is None
