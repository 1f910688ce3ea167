"""Gates of the adapters: recorded calls of real frameworks, replayed with a person's decision."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.adapters import (
    crewai,
    crewai_approvals,
    gate,
    google_adk,
    langchain,
    langchain_approvals,
    openai_agents,
    pydantic_ai,
)
from crewops_client.reporter import Reporter
from crewops_client.settings import Settings
from sdk import recorded
from sdk.replays import Spans, replay_callbacks, replay_wraps
from sdk.report_server import ReportServer


@pytest.fixture
def gated(reporter: Reporter, server: ReportServer) -> Any:
    """Sets the decision of a case, and compares what was reported."""

    def begin(case: dict[str, Any]) -> None:
        server.decision = case["decision"]

    def compare(case: dict[str, Any], is_shown: bool = False) -> None:
        """`is_shown`: a refused call is shown as a tool, too."""
        assert reporter.flush(10)
        assert recorded.normalised(server.events) == case["events"]
        is_free = case["decision"]["decision"] in ("approved", "not_needed")
        assert len(server.of("question")) == 1
        assert len(server.of("tool_start")) == (is_free or is_shown)

    return SimpleNamespace(begin=begin, compare=compare)


class Graph:
    """Replays what LangChain calls: callbacks, and the middleware around a tool."""

    def __init__(self) -> None:
        self.handler = langchain.CrewOps("release-crew")
        self.gate = langchain_approvals.Approvals()
        self.bodies = 0

    def replay(self, calls: list[Any]) -> None:
        for name, args, kwargs in calls:
            if name == "wrap_tool_call":
                about = self.begin(kwargs)
                result = self.gate.wrap_tool_call(about, lambda _, kwargs=kwargs: self.body(kwargs))
                self.end(kwargs, result)
            elif name == "awrap_tool_call":
                asyncio.run(self.areplay(kwargs))
            else:
                recorded.replay([[name, args, kwargs]], lambda name: getattr(self.handler, name))

    async def areplay(self, kwargs: dict[str, Any]) -> None:
        async def body(_: Any) -> Any:
            return self.body(kwargs)

        self.end(kwargs, await self.gate.awrap_tool_call(self.begin(kwargs), body))

    def begin(self, kwargs: dict[str, Any]) -> Any:
        manager = SimpleNamespace(handlers=[self.handler], parent_run_id=kwargs["parent"])
        runtime = SimpleNamespace(config={"callbacks": manager})
        return SimpleNamespace(tool_call=kwargs["call"], runtime=runtime)

    def body(self, kwargs: dict[str, Any]) -> Any:
        self.bodies += 1
        assert kwargs["inner"] is not None  # the real one was called, too
        self.replay(kwargs["inner"])
        return recorded.revived(kwargs["result"])

    def end(self, kwargs: dict[str, Any], result: Any) -> None:
        expected = recorded.revived(kwargs["result"])
        for name in ("content", "status", "tool_call_id"):
            assert getattr(result, name, None) == getattr(expected, name, None)
        assert self.bodies == (kwargs["inner"] is not None)


@pytest.mark.parametrize(
    "case", recorded.cases("langchain", gated=True), ids=lambda case: case["case"]
)
def test_langchain(gated, case, caplog):
    gated.begin(case)
    Graph().replay(case["calls"])
    gated.compare(case)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "case", recorded.cases("pydantic_ai", gated=True), ids=lambda case: case["case"]
)
async def test_pydantic_ai(gated, case, caplog):
    gated.begin(case)
    await replay_wraps(case["calls"], pydantic_ai.CrewOps("release-crew", approvals=True))
    await asyncio.to_thread(gated.compare, case)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "case", recorded.cases("google_adk", gated=True), ids=lambda case: case["case"]
)
async def test_google_adk(gated, case, caplog):
    gated.begin(case)
    plugin = google_adk.CrewOps("release-crew", approvals=True)
    answers = await asyncio.create_task(replay_callbacks(case["calls"], plugin))
    await asyncio.to_thread(gated.compare, case)
    refusal = case["decision"]["detail"]
    assert answers == ([{"error": f"deploy: {refusal}"}] if refusal else [])
    assert caplog.text == ""


@pytest.mark.parametrize(
    "case", recorded.cases("openai_agents", gated=True), ids=lambda case: case["case"]
)
async def test_openai_agents(gated, case, server, caplog, monkeypatch):
    gated.begin(case)
    spans = Spans(openai_agents.CrewOps("release-crew"), monkeypatch)
    decides = any(name == "decide" for name, *_ in case["calls"])
    async with crewops.run("release-crew") if decides else contextlib.nullcontext():
        await spans.replay(case["calls"])
    await asyncio.to_thread(gated.compare, case, decides)
    refusal = case["decision"]["detail"]
    assert spans.refusals == ([f"deploy: {refusal}"] if refusal else [])
    ended = [event["status"] for event in server.of("tool_end")]
    assert ended == (["cancelled"] * decides if refusal else ["success"])
    assert caplog.text == ""


@pytest.mark.parametrize(
    "case", recorded.cases("crewai", gated=True), ids=lambda case: case["case"]
)
def test_crewai(gated, case, caplog, monkeypatch):
    gated.begin(case)
    listener = crewai.CrewOps("release-crew", approvals=True)
    hooks, about, results = listener._gate, None, []
    for name, args, given in case["calls"]:
        if name == "before_tool":
            around = given.pop("around")
            monkeypatch.setattr(crewai_approvals, "get_current_parent_id", lambda at=around: at)
            about = SimpleNamespace(**given)
            with contextlib.suppress(crewai_approvals.HookAborted):
                hooks.before_tool(about)
        elif name == "after_tool":
            results.append(hooks.after_tool(about))
            assert results[-1] == given["text"]
        else:
            recorded.replay([[name, args, given]], lambda name: getattr(listener, name))
    gated.compare(case)
    refusal = case["decision"]["detail"]
    assert results == [f"deploy: {refusal}" if refusal else None]
    assert listener._entries == hooks._refusals == {}
    assert hooks._refused == hooks._passed == set()
    assert caplog.text == ""


@pytest.mark.parametrize("fault", [RuntimeError("a fault"), crewops.Cancelled("It was cancelled.")])
def test_crewai_does_not_run_a_tool_whose_gate_fails(reporter: Reporter, monkeypatch, fault):
    """CrewAI itself runs a tool when a hook raises something else than HookAborted."""

    def wait(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(gate, "wait", wait)
    about = SimpleNamespace(tool_name="deploy", tool_input={})
    hooks = crewai_approvals.Gate(lambda _: None)
    with pytest.raises(crewai_approvals.HookAborted, match=str(fault)):
        hooks.before_tool(about)
    assert str(fault) in str(hooks.after_tool(about))


async def body(_: Any) -> Any:
    raise AssertionError("entered")


def call_of_langchain() -> Any:
    call = {"name": "deploy", "args": {"env": "prod"}, "id": "c1"}
    return SimpleNamespace(tool_call=call, runtime=SimpleNamespace(config={}))


def test_without_a_run_around_it_nobody_is_asked(reporter: Reporter):
    with pytest.raises(RuntimeError, match=r"crewops\.run"):
        langchain_approvals.Approvals().wrap_tool_call(call_of_langchain(), body)


async def test_the_thread_of_an_event_loop_never_waits(reporter: Reporter):
    async with crewops.run("release-crew"):
        with pytest.raises(RuntimeError, match="async form"):
            gate.wait(crewops.current(), "deploy", {})


def test_without_a_server_the_body_is_not_entered(reporter: Reporter):
    with crewops.run("release-crew"):  # it answers 404
        result = langchain_approvals.Approvals().wrap_tool_call(call_of_langchain(), body)
    assert result.status == "error"
    assert result.content.startswith("deploy: The server refuses to ask")


@pytest.mark.parametrize("disabled", [False, True])
def test_without_settings_only_a_program_that_is_switched_off_goes_on(use_settings, disabled):
    use_settings(Settings(disabled=disabled))
    with crewops.run("release-crew") as run:
        if disabled:
            return gate.wait(run, "deploy", {})
        with pytest.raises(crewops.Denied, match="CREWOPS_URL is not set"):
            return gate.wait(run, "deploy", {})


@pytest.fixture
def use_settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    from crewops_client import reporter as reporters

    return lambda settings: monkeypatch.setattr(reporters, "_current", Reporter(settings))
