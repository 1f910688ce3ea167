"""Controls of a user in runs of the OpenAI Agents SDK, Pydantic AI and Google ADK."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.adapters import google_adk, openai_agents, pydantic_ai, waiting
from crewops_client.controls import OF_ADAPTERS
from crewops_client.reporter import Reporter
from sdk.replays import Spans, replay_callbacks, replay_wraps
from sdk.report_server import ReportServer
from sdk.steering import User, answers, events_of, steered

NAMES = ("openai_agents", "pydantic_ai", "google_adk")
CASES = [(name, case) for name in NAMES for case in steered(name)]

FREE = {"decision": "approved", "by": "anna", "note": "", "detail": ""}


async def replay(name: str, calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "openai_agents":
        await Spans(openai_agents.CrewOps("release-crew"), monkeypatch).replay(calls)
    elif name == "pydantic_ai":
        await replay_wraps(calls, pydantic_ai.CrewOps("release-crew"))
    else:
        await replay_callbacks(calls, google_adk.CrewOps("release-crew"))


@pytest.mark.parametrize(
    ("name", "case"), CASES, ids=[f"{name}-{case['case']}" for name, case in CASES]
)
async def test_recorded_cases(
    reporter: Reporter, server: ReportServer, name, case, caplog, monkeypatch
):
    await asyncio.create_task(replay(name, case["calls"], monkeypatch))
    assert await asyncio.to_thread(reporter.flush, 10)
    assert events_of(server.events) == events_of(case["events"])
    assert answers(server.events) == answers(case["events"])
    cancels = case["case"].startswith("asked to cancel")
    (done,) = server.of("done")
    assert done["status"] == ("cancelled" if cancels else "succeeded")
    assert server.of("boot")[0]["controls"] == list(OF_ADAPTERS)
    for kind in ("tool", "llm", "agent", "task"):
        assert len(server.of(f"{kind}_start")) == len(server.of(f"{kind}_end"))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "case"), CASES, ids=[f"{name}-{case['case']}" for name, case in CASES]
)
async def test_nothing_begins_in_a_pause_or_after_a_cancel(
    reporter: Reporter, server: ReportServer, name, case, monkeypatch
):
    await asyncio.create_task(replay(name, case["calls"], monkeypatch))
    assert await asyncio.to_thread(reporter.flush, 10)
    kinds = [(each["type"], each.get("control_id")) for each in server.events]
    cancels = case["case"].startswith("asked to cancel")
    began = kinds.index(("control_acknowledged", "cancel" if cancels else "pause"))
    ended = len(kinds) if cancels else kinds.index(("control_acknowledged", "resume"))
    held = {kind for kind, _ in kinds[began:ended]}
    assert not held & {"tool_start", "llm_start"}


async def within(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of the program is around the calls of a case, and is cancelled in a tool."""
    case = next(each for each in steered(name) if each["case"] == "asked to cancel in a tool")
    async with crewops.run("release-crew", name="Outer"):
        await asyncio.create_task(replay(name, case["calls"], monkeypatch))
        await crewops.current_run().acheckpoint()


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_around_it_is_cancelled(reporter, server, name, monkeypatch):
    with pytest.raises(crewops.Cancelled):
        await within(name, monkeypatch)
    assert await asyncio.to_thread(reporter.flush, 10)
    assert [each["status"] for each in server.of("done")] == ["cancelled"]
    assert {each["status"] for each in server.of("agent_end")} == {"cancelled"}
    assert len(server.of("llm_start")) == 1


async def call_of_pydantic_ai(entered: list[str]) -> None:
    async def body(args: Any) -> str:
        entered.append("deploy")
        return "deployed"

    call = SimpleNamespace(tool_name="deploy")
    ops = pydantic_ai.CrewOps("release-crew", approvals=True)
    await ops.wrap_tool_execute(None, call=call, tool_def=None, args={}, handler=body)


async def call_of_google_adk(entered: list[str]) -> None:
    ops = google_adk.CrewOps("release-crew", approvals=True)
    session = SimpleNamespace(id="s")
    about = SimpleNamespace(invocation_id="i", app_name="depot", session=session)
    await ops.before_run_callback(invocation_context=about)
    own = SimpleNamespace(invocation_id="i", agent_name="orion", function_call_id="c")
    tool = SimpleNamespace(name="deploy")
    assert not await ops.before_tool_callback(tool=tool, tool_args={}, tool_context=own)
    entered.append("deploy")
    await ops.after_run_callback(invocation_context=about)


CALLS = pytest.mark.parametrize("call", [call_of_pydantic_ai, call_of_google_adk])


@CALLS
async def test_no_person_is_asked_while_the_run_is_paused(reporter, server, call):
    server.decision, entered = FREE, []
    async with crewops.run("release-crew") as run:
        User().ask("pause", run)
        calling = asyncio.create_task(call(entered))
        await asyncio.to_thread(server.wait_for, "control_applied")
        assert not server.of("question")
        User().ask("resume", run)
        await calling
    assert entered == ["deploy"]
    assert len(server.of("question")) == 1


@CALLS
async def test_a_call_that_was_approved_in_a_pause_waits(reporter, server, call, monkeypatch):
    entered: list[str] = []

    def ask(question: dict[str, Any]) -> dict[str, Any]:
        User().ask("pause", run)
        return FREE

    server.decision = FREE
    monkeypatch.setattr(server, "ask", ask)
    async with crewops.run("release-crew") as run:
        calling = asyncio.create_task(call(entered))
        await asyncio.to_thread(server.wait_for, "control_applied")
        assert entered == []
        User().ask("resume", run)
        await calling
    assert entered == ["deploy"]


async def test_an_agent_of_pydantic_ai_waits_before_it_begins(reporter, server):
    async def body() -> str:
        return "done"

    async with crewops.run("release-crew") as run:
        User().ask("pause", run)
        about = SimpleNamespace(agent=SimpleNamespace(name="orion"))
        ops = pydantic_ai.CrewOps("release-crew")
        working = asyncio.create_task(ops.wrap_run(about, handler=body))
        await asyncio.to_thread(server.wait_for, "control_applied")
        assert not server.of("agent_start")
        User().ask("resume", run)
        assert await working == "done"


@pytest.mark.parametrize("before", [False, True])
def test_a_cancel_ends_a_run_that_waits_for_a_person(reporter, server, before):
    runs = [crewops.Run(reporter, "release-crew", controls=OF_ADAPTERS).start() for _ in "ab"]
    paused: waiting.Waiting[None] = waiting.Waiting()
    if before:
        User().ask("cancel", runs[0])
    tools = [run.start_tool("deploy") for run in runs]
    for id, run in enumerate(runs):
        paused.put(id, waiting.Pause(run, True, None, [tools[id]]))
    if not before:
        paused.put(0, paused.pop(0))  # it waits again
        User().ask("pause", runs[0])
        assert len(paused) == 2
        User().ask("cancel", runs[0])
    assert len(paused) == 1
    assert reporter.flush(10)
    assert [each["status"] for each in server.of("done")] == ["cancelled"]
    assert server.of("tool_end")[0]["message"] == waiting.CANCELLED
    assert not runs[1].has_ended
    runs[1].end()
