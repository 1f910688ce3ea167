"""Hooks and the guardrail of the OpenAI Agents SDK in a run that users pause or cancel."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.adapters import openai_agents
from crewops_client.reporter import Reporter
from sdk.steering import User, open_run

FREE = {"decision": "approved", "by": "anna", "note": "", "detail": ""}


async def test_hooks_without_a_span_follow_the_run_around_them(reporter: Reporter):
    """Tracing may be switched off."""
    ops = openai_agents.CrewOps("release-crew")
    await ops.on_tool_start(None, None, None)
    with pytest.raises(crewops.Cancelled):
        async with crewops.run("release-crew"):
            User().cancel()
            await ops.on_tool_start(None, None, None)


def spans(kind: str, *given: str | None, trace: str = "t") -> Any:
    """A span of this id and parent."""
    id, parent = given
    data = {"name": "deploy", "input": "{}", "output": None, "turn": 1, "model": "gpt"}
    about = type(f"{kind}SpanData", (SimpleNamespace,), {})(**data)
    return SimpleNamespace(
        span_id=id, parent_id=parent, trace_id=trace, error=None, span_data=about
    )


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An agent with a turn that has begun, as the SDK does it."""
    monkeypatch.setattr(openai_agents, "soon", lambda call, span: None)
    ops = openai_agents.CrewOps("release-crew")
    begun = [spans("Agent", "a", None), spans("Turn", "b", "a"), spans("Function", "c", "b")]

    def here(id: str) -> None:
        current = SimpleNamespace(span_id=id)
        monkeypatch.setattr(openai_agents, "get_current_span", lambda: current)

    for span in begun[:2]:
        ops.on_span_start(span)

    def end() -> None:
        for span in reversed(begun):
            ops.on_span_end(span)

    return SimpleNamespace(ops=ops, tool=begun[2], here=here, end=end)


@pytest.mark.parametrize("action", ["cancel", "pause"])
async def test_a_program_without_hooks_reads_why_it_takes_no_controls(
    reporter, server, turn, caplog, action
):
    User().ask(action, open_run())  # before the first model call
    assert caplog.text == ""
    turn.ops.on_span_start(turn.tool)
    turn.ops.on_tool_ready(turn.tool)
    await asyncio.to_thread(server.wait_for, "tool_start")  # it does run
    turn.ops.on_span_start(spans("Generation", "e", "b"))
    turn.end()
    assert "Runner.run(agent, …, hooks=ops)" in caplog.text


@pytest.mark.parametrize("action", ["cancel", "pause"])
async def test_a_run_without_hooks_refuses_what_it_cannot_do(reporter, server, turn, action):
    turn.ops.on_span_start(spans("Generation", "d", "b"))
    run = open_run()
    User().ask(action, run)
    await asyncio.to_thread(server.wait_for, "control_applied")
    (answer,) = server.of("control_applied")
    assert answer["status"] == "refused"
    assert "hooks=ops" in answer["detail"]
    assert not run.stop_requested
    assert not run.controls.paused
    turn.end()


async def test_a_judge_before_the_first_hook_decides_nothing(reporter, server, turn):
    """A guardrail that blocks the run calls an agent of its own, without hooks."""
    judge = [spans("Guardrail", "g", "a"), spans("Agent", "j", "g"), spans("Turn", "k", "j")]
    for span in [*judge, spans("Generation", "l", "k")]:
        turn.ops.on_span_start(span)
    run = open_run()
    assert run.controls.unable == ""
    turn.here("a")
    await turn.ops.on_agent_start(None, None)
    turn.ops.on_span_start(spans("Generation", "d", "b"))
    User().ask("pause", run)
    assert run.controls.paused


async def test_the_first_hook_takes_back_what_a_call_without_hooks_has_decided(reporter, turn):
    """A run that waited for a person is continued with hooks."""
    turn.ops.on_span_start(spans("Generation", "d", "b"))
    run = open_run()
    assert run.controls.unable
    turn.here("b")
    await turn.ops.on_llm_start(None, None, None, [])
    assert run.controls.unable == ""
    User().ask("cancel", run)
    with pytest.raises(crewops.Cancelled):
        await turn.ops.on_llm_start(None, None, None, [])


async def test_the_programs_own_run_takes_controls_without_hooks(reporter, server, turn):
    with crewops.run("release-crew") as run:
        turn.ops.on_span_start(spans("Agent", "p", None, trace="u"))
        turn.ops.on_span_start(spans("Generation", "q", "p", trace="u"))
        User().ask("pause", run)
        assert run.controls.paused
        User().ask("resume", run)


async def test_a_tool_of_a_paused_run_is_shown_when_it_begins(reporter, server, turn, caplog):
    turn.here("b")
    await turn.ops.on_llm_start(None, None, None, [])
    run = open_run()
    User().ask("pause", run)
    turn.ops.on_span_start(turn.tool)
    turn.ops.on_tool_ready(turn.tool)
    turn.here("c")
    beginning = asyncio.create_task(turn.ops.on_tool_start(None, None, None))
    await asyncio.to_thread(server.wait_for, "control_applied")
    assert not server.of("tool_start")
    turn.ops.on_span_start(spans("Generation", "d", "b"))  # of a sub-agent without hooks
    assert caplog.text == ""
    User().ask("resume", run)
    await beginning
    await asyncio.to_thread(server.wait_for, "tool_start")
    turn.end()


async def test_tools_that_wait_when_a_run_is_cancelled_are_not_shown(reporter, server, turn):
    turn.here("b")
    await turn.ops.on_llm_start(None, None, None, [])
    User().ask("pause", open_run())
    turn.ops.on_span_start(turn.tool)
    turn.here("c")
    beginning = asyncio.create_task(turn.ops.on_tool_start(None, None, None))
    await asyncio.to_thread(server.wait_for, "control_applied")
    User().cancel()
    with pytest.raises(crewops.Cancelled) as raised:
        await beginning
    try:
        raise raised.value
    except crewops.Cancelled:
        turn.end()
    (done,) = await asyncio.to_thread(server.wait_for, "done")
    assert done["status"] == "cancelled"
    assert not server.of("tool_start")


async def test_the_guardrail_asks_within_a_run_only(reporter: Reporter):
    ops = openai_agents.CrewOps("release-crew")
    own = SimpleNamespace(tool_name="deploy", tool_arguments="{}")
    refusal = await ops.approval.guardrail_function(SimpleNamespace(context=own))
    assert "crewops.run" in refusal


async def test_a_call_that_the_guardrail_lets_begin_is_shown_without_hooks(reporter, server, turn):
    server.decision = FREE
    own = SimpleNamespace(tool_name="deploy", tool_arguments="{}")
    turn.ops.on_span_start(turn.tool)
    turn.here("c")
    await turn.ops.approval.guardrail_function(SimpleNamespace(context=own))
    await asyncio.to_thread(server.wait_for, "tool_start")
    turn.end()


async def test_a_cancel_ends_a_call_that_waits_for_a_person(reporter, server, turn):
    """Nobody decides: the server has no answer yet."""
    server.hold.clear()
    own = SimpleNamespace(tool_name="deploy", tool_arguments="{}")
    turn.ops.on_span_start(turn.tool)
    turn.here("c")
    asking = asyncio.create_task(turn.ops.approval.guardrail_function(SimpleNamespace(context=own)))
    await asyncio.sleep(0)
    User().cancel()
    with pytest.raises(crewops.Cancelled):
        await asking
    server.hold.set()
