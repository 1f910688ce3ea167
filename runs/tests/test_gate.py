"""The gate of the worker: a step that a rule matches begins after a person has approved it."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from crews.models import ApprovalRule, Secret
from crews.tracking import InvalidState
from runs import tools
from runs.execution import run_queue
from runs.execution.executor import execute, workspace_of
from runs.models import Approval, Run, ToolExecution
from tests.live import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]
TOUCH = {"tool": "script", "params": {"interpreter": "bash", "code": "echo made > x"}}
CLONE = {
    "tool": "git_clone",
    "params": {"url": "https://github.com/acme/app", "credential": "deploy"},
}


@pytest.fixture
def carry_out(acme):
    """Carries out a run of one step, and meanwhile calls ``act`` with the approval it waits for."""

    def run_with(act: Callable[[Approval], None], step: dict = TOUCH) -> Run:
        acme.crew.tasks.filter(order=1).get().delete()
        acme.give_steps(step)
        run = Run.objects.create(crew=acme.crew)
        faults = []

        def person() -> None:
            try:
                eventually(Approval.objects.pending().exists, within_s=20)
                act(Approval.objects.select_related("run__crew").get())
            except Exception as error:
                faults.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=person)
        thread.start()
        execute(run_queue.claim(worker="w", tier="namespaces"))
        thread.join()
        assert not faults, faults
        run.refresh_from_db()
        return run

    for tool in ("script", "git_clone"):
        ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew, tool=tool)
    return run_with


def made(run: Run) -> bool:
    """Whether the body of the tool was entered."""
    return (workspace_of(run.pk) / "x").exists()


def test_an_approved_step_begins(carry_out):
    def approve(approval: Approval) -> None:
        assert not ToolExecution.objects.exists()
        assert not made(approval.run)
        assert approval.params == TOUCH["params"]
        approval.decide("approved", by="somebody", seen=approval.seen)

    run = carry_out(approve)
    assert run.status == "succeeded"
    assert made(run)
    approval = Approval.objects.get()
    assert approval.decided_at <= ToolExecution.objects.get().started_at
    assert str(approval.task_id) == run.plan["tasks"][0]["task_id"]


def test_a_denied_step_fails_with_who_and_why(carry_out):
    def deny(approval: Approval) -> None:
        approval.decide("denied", by="somebody", seen=approval.seen, note="not at night")

    run = carry_out(deny)
    task = run.task_executions.get()
    assert (run.status, task.status, task.reason) == ("failed", "failed", "approval_denied")
    assert "Denied by somebody: not at night" in task.message
    assert "Denied by somebody: not at night" in run.message
    assert not made(run)
    assert not ToolExecution.objects.exists()


def test_a_step_that_nobody_decides_in_time_is_denied(carry_out):
    def let_expire(approval: Approval) -> None:
        approval.expires_at = approval.requested_at
        approval.save(update_fields=["expires_at"])

    run = carry_out(let_expire)
    assert run.task_executions.get().reason == "approval_expired"
    assert Approval.objects.get().status == "expired"
    assert not made(run)


def test_cancelling_ends_the_wait_at_once(carry_out):
    run = carry_out(lambda approval: approval.run.cancel())
    assert (run.status, run.duration_s < 10) == ("cancelled", True)
    assert Approval.objects.get().status == "expired"
    assert not made(run)


def test_a_run_that_is_taken_away_ends_the_approval(carry_out):
    def take_away(approval: Approval) -> None:
        approval.run.finish("failed", reason="worker_lost")
        with pytest.raises(InvalidState, match="expired"):
            approval.decide("approved", by="somebody", seen=approval.seen)

    run = carry_out(take_away)
    assert (run.status, run.reason) == ("failed", "worker_lost")
    assert not made(run)


def test_a_step_that_cannot_be_shown_whole_is_refused_without_a_question(acme):
    code = "# -----BEGIN PRIVATE KEY-----\necho made > x"
    step = {"tool": "script", "params": {"interpreter": "bash", "code": code}}
    acme.crew.tasks.filter(order=1).get().delete()
    acme.give_steps(step)
    ApprovalRule.objects.create(organization=acme.organization, tool="script", expires_after_s=10)
    run = Run.objects.create(crew=acme.crew)
    execute(run_queue.claim(worker="w", tier="namespaces"))
    run.refresh_from_db()
    task = run.task_executions.get()
    assert (run.status, task.reason) == ("failed", "approval_denied")
    assert "The parameter 'code' cannot be shown whole" in task.message
    assert not Approval.objects.exists()
    assert not ToolExecution.objects.exists()
    assert not made(run)


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The passwords that git_clone gets. It prints the last one, and the one before."""
    sent: list[str] = []

    def run(self, params, workspace, emitter) -> tools.Outcome:
        sent.append(params["credential"].password)
        emitter.progress(output=f"canary-of-a-secret {sent[-1]}\n")
        return tools.Outcome(tools.Status.SUCCESS)

    monkeypatch.setattr("runs.tools.git_clone.GitClone.run", run)
    return sent


def test_a_secret_that_is_replaced_while_the_step_waits_is_sent_with_its_new_value(
    acme, carry_out, sent
):
    acme.keep_secret(name="deploy")

    def replace(approval: Approval) -> None:
        Secret.objects.get().store("the-new-canary", by=acme.admin)
        approval.decide("approved", by="somebody", seen=approval.seen)

    assert carry_out(replace, CLONE).status == "succeeded"
    assert sent == ["the-new-canary"]
    assert ToolExecution.objects.get().output == "[redacted] [redacted]\n"


def test_a_secret_that_is_deleted_while_the_step_waits_is_not_sent(acme, carry_out, sent):
    acme.keep_secret(name="deploy")

    def delete(approval: Approval) -> None:
        Secret.objects.get().delete()
        approval.decide("approved", by="somebody", seen=approval.seen)

    run = carry_out(delete, CLONE)
    assert (run.status, run.reason) == ("failed", "task_failed")
    assert "The organization has no secret 'deploy'" in run.message
    assert sent == []
