"""The real Claude Code and Codex are steered by a real server. ``make test-integrations``.

They are installed with npm under ``var/integrations``. The model is a stub, and all else is real:
the hooks are those that `crewops claude-code` writes.
"""

import json
from collections.abc import Iterator

import pytest

from crews.models import ApprovalRule
from runs.models import Approval, Run, ToolExecution
from tests.integrations.programs import BEGINS_S, answered, ended
from tests.integrations.projects import CREW, Project, tool_result
from tests.live import eventually

SHORTEST_S = 10  # of an approval rule
CANCELLED_S = (
    20.0  # from the request until the run has ended; an agent may take 10 s to obey SIGTERM
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(tmp_path, reports) -> Iterator[Project]:
    made = Project(tmp_path, reports)
    yield made
    made.close()


@pytest.fixture
def rule(acme) -> ApprovalRule:
    return ApprovalRule.objects.create(
        organization=acme.organization, tool="bash", params="command=npm *", expires_after_s=60
    )


@pytest.fixture
def claude(project, rule):
    project.write_hooks("--approve", "600")
    return project.start(project.claude())


def until_asked(claude) -> Approval:
    def asked() -> Approval | None:
        assert claude.is_running, claude.printed
        return Approval.objects.pending().select_related("run__crew").first()

    return eventually(asked, BEGINS_S)


def test_an_approved_call_of_claude_code_runs(project, claude, person, rule):
    approval = until_asked(claude)
    assert (approval.tool, approval.params["command"]) == ("Bash", "npm test")
    assert approval.left_s <= rule.expires_after_s
    assert not project.tested
    person.decide(approval, "approve", "carefully")
    assert claude.wait() == 0, claude.printed
    assert project.tested
    assert "all passed" in tool_result(claude)["content"]
    assert ended(approval.run).status == "succeeded"
    tool = ToolExecution.objects.get()
    assert (tool.status, tool.exit_code) == ("success", 0)
    assert Approval.objects.count() == 1


def test_a_denied_call_of_claude_code_does_not_run_and_its_model_reads_why(project, claude, person):
    approval = until_asked(claude)
    person.decide(approval, "deny", "not at night")
    claude.wait()
    assert not project.tested
    result = tool_result(claude)
    assert result["is_error"]
    assert f"CrewOps: Denied by {person.name}: not at night" in result["content"]
    assert ended(approval.run)
    assert ToolExecution.objects.get().message == f"CrewOps: Denied by {person.name}: not at night"


def test_a_call_of_claude_code_that_nobody_decides_does_not_run(project, rule):
    rule.expires_after_s = SHORTEST_S
    rule.save()
    project.write_hooks("--approve", "600")
    claude = project.start(project.claude())
    approval = until_asked(claude)
    claude.wait()
    approval.refresh_from_db()
    assert approval.status == "expired"
    assert not project.tested
    assert "CrewOps: Nobody has approved it in time." in tool_result(claude)["content"]


@pytest.fixture
def two_calls(project):
    """A Claude Code with hooks in its first of two calls, and its run."""
    project.write_hooks()
    allowed = ("Bash(touch *)", "Bash(sleep *)")
    argv = project.claude("--allowedTools", *allowed, command="touch started; sleep 3")
    second = ("Bash", {"command": "touch tested", "description": "Second"})
    project.stub.steps["main"].append({"tools": [second]})
    claude = project.start(argv)
    eventually((project.root / "started").exists, BEGINS_S)
    return claude, Run.objects.get()


def test_a_cancel_reaches_claude_code_with_its_next_hook(project, two_calls, person):
    claude, run = two_calls
    cancel = person.ask(run, "cancel")
    assert ended(run, CANCELLED_S).status == "cancelled"
    assert answered(cancel).status == "applied"
    claude.wait()
    assert not project.tested
    assert "hook_stopped" in claude.printed
    assert Run.objects.count() == 1


def test_a_message_reaches_the_model_of_claude_code(project, two_calls, person):
    claude, run = two_calls
    message = person.ask(run, "message", text="Use the blue box.")
    assert claude.wait() == 0, claude.printed
    assert answered(message).status == "applied"
    assert project.tested
    read = [
        f"Message from {person.name} in CrewOps: Use the blue box." in json.dumps(request)
        for request in project.stub.requests
    ]
    assert read == [False, True, True]
    assert ended(run).status == "succeeded"


@pytest.mark.parametrize("agent", ["claude-code", "codex"])
def test_cancel_ends_an_agent_that_was_started_with_crewops_exec(project, person, agent):
    command, allowed = "touch tested; sleep 600", ("Bash(touch *)", "Bash(sleep *)")
    if agent == "codex":
        argv = project.codex(command)
    else:
        argv = project.claude("--allowedTools", *allowed, command=command)
    started = project.start([*project.crewops("exec", "--crew", CREW, "--as", agent, "--"), *argv])
    eventually(lambda: project.tested or not started.is_running, BEGINS_S)
    assert started.is_running, started.printed
    run = eventually(Run.objects.first)
    cancel = person.ask(run, "cancel")
    assert ended(run, CANCELLED_S).status == "cancelled"
    assert answered(cancel).status == "applied"
    assert started.wait() != 0
