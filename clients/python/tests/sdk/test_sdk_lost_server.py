"""Gates of the adapters whose server is lost: the call does not begin, and the program learns why."""

import asyncio
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client import reporter as reporters
from crewops_client.adapters import (
    crewai_approvals,
    google_adk,
    langchain_approvals,
    openai_agents_approvals,
    pydantic_ai,
)
from crewops_client.reporter import Reporter
from sdk.conftest import Make
from sdk.report_server import ReportServer

WITHIN_S = 0.5  # so long a call waits for an answer
WHY = f"deploy: Nobody could be asked within {WITHIN_S:g} s: "
PARAMS = {"env": "prod"}

Body = Callable[..., Any]  # of the tool


def langchain(body: Body) -> Any:
    result = langchain_approvals.Approvals().wrap_tool_call(_langchain_call(), body)
    assert result.status == "error"
    return result.content


async def langchain_async(body: Body) -> Any:
    result = await langchain_approvals.Approvals().awrap_tool_call(_langchain_call(), body)
    assert result.status == "error"
    return result.content


def _langchain_call() -> Any:
    call = {"name": "deploy", "args": PARAMS, "id": "c1"}
    return SimpleNamespace(tool_call=call, runtime=SimpleNamespace(config={}))


def crewai(body: Body) -> Any:
    """CrewAI calls the tool unless its first hook raises HookAborted."""
    hooks = crewai_approvals.Gate(lambda _: None)
    about = SimpleNamespace(tool_name="deploy", tool_input=PARAMS)
    try:
        hooks.before_tool(about)
    except crewai_approvals.HookAborted:
        return hooks.after_tool(about)
    return body()


async def openai_agents(body: Body) -> Any:
    """The SDK calls the tools of the state that were approved."""
    call = SimpleNamespace(arguments='{"env": "prod"}')
    item = SimpleNamespace(name="deploy", raw_item=call, agent=SimpleNamespace(name="orion"))
    rejections: list[str] = []
    state = SimpleNamespace(
        approve=body, reject=lambda _, rejection_message: rejections.append(rejection_message)
    )
    result = SimpleNamespace(to_state=lambda: state, interruptions=[item])
    assert await openai_agents_approvals.decide(result) is state
    return rejections[0]


async def pydantic(body: Body) -> Any:
    capability = pydantic_ai.CrewOps("release-crew", approvals=True)
    call = SimpleNamespace(tool_name="deploy")
    refusal = await capability.wrap_tool_execute(
        SimpleNamespace(), call=call, tool_def=None, args=PARAMS, handler=body
    )
    assert isinstance(refusal, pydantic_ai.ToolDenied)
    return getattr(refusal, "message", refusal)


async def adk(body: Body) -> Any:
    """ADK calls the tool if the callback returns None."""
    plugin = google_adk.CrewOps("release-crew", approvals=True)
    session = SimpleNamespace(id="s")
    invocation = SimpleNamespace(invocation_id="i", app_name="app", session=session)
    await plugin.before_run_callback(invocation_context=invocation)
    here = SimpleNamespace(invocation_id="i", agent_name="orion", function_call_id="c1")
    tool = SimpleNamespace(name="deploy")
    answer = await plugin.before_tool_callback(tool=tool, tool_args=PARAMS, tool_context=here)
    return body() if answer is None else answer["error"]


def gone(server: ReportServer) -> None:
    """Nothing listens any more when the call is asked about."""
    server.close()


def lost_while_it_waits(server: ReportServer) -> None:
    """The question arrives. Then its connection ends without an answer, and so does each other."""

    def die(question: dict[str, Any]) -> None:
        server.events.append({"type": "question", **question})
        raise ConnectionError("The server is gone.")

    server.decision = {}
    server.ask = die


@pytest.mark.parametrize("is_lost", [gone, lost_while_it_waits])
@pytest.mark.parametrize("gate", [langchain, langchain_async, crewai, openai_agents, pydantic, adk])
def test_a_call_does_not_begin(
    make: Make,
    server: ReportServer,
    monkeypatch: pytest.MonkeyPatch,
    gate: Callable[[Body], Any],
    is_lost: Callable[[ReportServer], None],
) -> None:
    reporter: Reporter = make(approvals=True, approve_s=WITHIN_S)
    monkeypatch.setattr(reporters, "_current", reporter)
    entered: list[tuple[Any, ...]] = []
    with crewops.run("release-crew"):
        assert reporter.flush(10)
        is_lost(server)
        refusal = gate(lambda *args: entered.append(args))
        if inspect.iscoroutine(refusal):
            refusal = asyncio.run(refusal)
    assert entered == []
    assert refusal.startswith(WHY)
    assert len(refusal) > len(WHY)  # what has happened to the connection
    assert server.of("tool_start") == []
    assert bool(server.of("question")) is (is_lost is lost_while_it_waits)
