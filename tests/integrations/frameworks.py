"""Real programs of each framework are steered by a real server. ``make test-integrations``.

The frameworks are installed under ``var/integrations``. The model is a stub, and all else is real.
"""

import time

import pytest

from crews.models import ApprovalRule
from runs.models import Approval, ToolExecution
from tests.integrations.programs import answered, ended

FRAMEWORKS = ("crewai", "google_adk", "langchain", "openai_agents", "pydantic_ai")
# OpenAI's has two ways to ask.
CALLS = [*((name, "call") for name in FRAMEWORKS), ("openai_agents", "decide")]
SHORTEST_S = 10  # of an approval rule
CANCELLED_S = 10.0  # from the request until the run has ended
PAUSED_S = 1.0  # a program that did not pause would take many steps meanwhile
STEPS = 3

pytestmark = pytest.mark.django_db(transaction=True)
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)
each_way_to_ask = pytest.mark.parametrize(("framework", "story"), CALLS)


@pytest.fixture
def rule(acme) -> ApprovalRule:
    return ApprovalRule.objects.create(
        organization=acme.organization, tool="deploy", params="env=prod", expires_after_s=600
    )


@each_way_to_ask
def test_an_approved_call_begins_once(framework, story, start, person, rule):
    program = start(framework, story)
    approval = program.until_asked()
    assert (approval.tool, approval.params) == ("deploy", {"env": "prod"})
    assert approval.left_s <= rule.expires_after_s
    assert program.entered("deploy") == []
    person.decide(approval, "approve")
    assert program.wait() == 0, program.printed
    (entered,) = program.entered("deploy")
    assert entered >= approval.decided_at.timestamp()
    assert "deployed to prod" in program.read
    run = ended(approval.run)
    assert run.status == "succeeded", f"{run.reason} {run.message} {program.printed}"
    assert Approval.objects.count() == 1
    assert ToolExecution.objects.get(tool="deploy").status == "success"


def test_a_call_that_decide_asks_about_needs_no_rule(start, person):
    program = start("openai_agents", "decide")
    person.decide(program.until_asked(), "approve")
    assert program.wait() == 0, program.printed
    assert len(program.entered("deploy")) == 1
    assert ToolExecution.objects.get(tool="deploy").status == "success"


@each_way_to_ask
def test_a_denied_call_never_begins_and_the_model_reads_why(framework, story, start, person, rule):
    program = start(framework, story)
    approval = program.until_asked()
    person.decide(approval, "deny", "not at night")
    assert program.wait() == 0, program.printed
    assert program.entered("deploy") == []
    assert f"deploy: Denied by {person.name}: not at night" in program.read
    run = ended(approval.run)
    assert run.status == "succeeded", f"{run.reason} {run.message} {program.printed}"


@each_way_to_ask
def test_a_call_that_nobody_decides_never_begins(framework, story, start, rule):
    rule.expires_after_s = SHORTEST_S
    rule.save()
    program = start(framework, story)
    approval = program.until_asked()
    assert program.wait() == 0, program.printed
    approval.refresh_from_db()
    assert (approval.status, approval.by) == ("expired", "")
    assert program.entered("deploy") == []
    assert "deploy: Nobody has approved it in time." in program.read
    run = ended(approval.run)
    assert run.status == "succeeded", f"{run.reason} {run.message} {program.printed}"


@each_framework
def test_a_paused_program_begins_no_tool_until_it_is_resumed(framework, start, person):
    program = start(framework, "steps")
    run = program.until_steps(STEPS)
    assert "pause" in run.controls_taken
    pause = answered(person.ask(run, "pause"))
    assert pause.status == "applied", pause.detail
    before = len(program.entered("step"))
    until = time.monotonic() + PAUSED_S
    while time.monotonic() < until:
        assert len(program.entered("step")) == before
        assert program.is_running, program.printed
        time.sleep(0.02)
    resume = answered(person.ask(run, "resume"))
    assert resume.status == "applied", resume.detail
    program.until_steps(before + STEPS)
    paused = (pause.ended_at.timestamp(), resume.requested_at.timestamp())
    assert not [at for at in program.entered("step") if paused[0] < at < paused[1]]
    program.stop()
    assert program.wait() == 0, program.printed
    assert ended(run).status == "succeeded"


@each_framework
def test_a_cancelled_program_ends_and_begins_no_further_tool(framework, start, person):
    program = start(framework, "steps")
    run = program.until_steps(STEPS)
    assert "cancel" in run.controls_taken
    cancel = person.ask(run, "cancel")
    assert ended(run, CANCELLED_S).status == "cancelled"
    program.wait()
    cancel = answered(cancel)
    assert cancel.acknowledged_at, "the program has not received it"
    assert cancel.status == "applied", cancel.detail
    late = [at for at in program.entered("step") if at > cancel.acknowledged_at.timestamp()]
    assert len(late) <= 1, "only a call that had passed its check may begin"
    assert program.log("ended"), program.printed
