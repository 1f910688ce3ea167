"""Runs of frameworks that wait for a person: what continues them, and what ends them."""

import asyncio
import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import crewops_client as crewops
from crewops_client.adapters import google_adk, langchain, openai_agents, waiting
from crewops_client.reporter import Reporter
from sdk import recorded
from sdk.replays import replay_callbacks
from sdk.report_server import ReportServer

GRAPH, NODE, TOOL, OTHER = (UUID(int=number) for number in range(1, 5))


def case_of(name: str, title: str) -> list[Any]:
    return next(case["calls"] for case in recorded.cases(name) if case["case"] == title)


def interrupt_of_langgraph() -> BaseException:
    return type("GraphInterrupt", (Exception,), {})()


def interrupt(ops: langchain.CrewOps, thread: str) -> None:
    """A graph whose tool waits for a person. By hand, from a recorded sequence."""
    about = {"metadata": {"thread_id": thread, "langgraph_node": "tools"}}
    ops.on_chain_start(None, None, run_id=GRAPH, name="graph", **about)
    ops.on_chain_start(None, None, run_id=NODE, parent_run_id=GRAPH, name="tools", **about)
    ops.on_tool_start({"name": "approve"}, "", run_id=TOOL, parent_run_id=NODE, tool_call_id="c1")
    ops.on_tool_error(interrupt_of_langgraph(), run_id=TOOL, parent_run_id=NODE)
    ops.on_chain_error(interrupt_of_langgraph(), run_id=NODE, parent_run_id=GRAPH)
    ops.on_chain_end(None, run_id=GRAPH)


def resume(ops: langchain.CrewOps, thread: str) -> None:
    about = {"metadata": {"thread_id": thread, "langgraph_node": "tools"}}
    ops.on_chain_start(None, None, run_id=GRAPH, name="graph", **about)
    ops.on_chain_start(None, None, run_id=NODE, parent_run_id=GRAPH, name="tools", **about)
    ops.on_tool_start({"name": "approve"}, "", run_id=TOOL, parent_run_id=NODE, tool_call_id="c1")
    ops.on_tool_end("yes", run_id=TOOL, parent_run_id=NODE)
    ops.on_chain_end(None, run_id=NODE, parent_run_id=GRAPH)
    ops.on_chain_end(None, run_id=GRAPH)


def span(kind: str, id: str, parent: str | None = None, trace: str = "t", **data: Any) -> Any:
    """A span of the OpenAI Agents SDK. By hand, from a recorded sequence."""
    given = {"name": "x", "input": None, "output": None, "turn": 1, **data}
    about = type(f"{kind}SpanData", (SimpleNamespace,), {})(**given)
    return SimpleNamespace(
        span_id=id, parent_id=parent, trace_id=trace, error=None, span_data=about
    )


def spans_of(trace: str, *tools: Any, first: int = 0) -> list[Any]:
    """An agent with one turn that calls these tools, each given by its arguments and output."""
    own = [span("Agent", f"{trace}-a{first}", trace=trace, name="Orion")]
    own.append(span("Turn", f"{trace}-t{first}", own[0].span_id, trace))
    for number, (given, output) in enumerate(tools, first):
        about = {"name": "approve", "input": given, "output": output}
        own.append(span("Function", f"{trace}-{number}", own[1].span_id, trace, **about))
    return own


@pytest.fixture
def agents(monkeypatch) -> Callable[..., None]:
    """Begins and ends spans of the OpenAI Agents SDK: the outermost begins first."""
    monkeypatch.setattr(openai_agents, "soon", lambda call, span: call(span))

    def run(ops: openai_agents.CrewOps, spans: list[Any]) -> None:
        for each in spans:
            ops.on_span_start(each)
        for each in reversed(spans):
            ops.on_span_end(each)

    return run


def two_parts_of_langchain() -> Any:
    calls = case_of("langchain", "approval and resume")
    starts = [n for n, call in enumerate(calls) if "parent_run_id" not in call[2]]
    starts = [n for n in starts if calls[n][0] == "on_chain_start"]
    ops = langchain.CrewOps("release-crew")
    replay = recorded.replay
    return (
        lambda: replay(calls[: starts[1]], lambda name: getattr(ops, name)),
        lambda: replay(calls[starts[1] :], lambda name: getattr(ops, name)),
    )


def two_parts_of_openai() -> Any:
    ops = openai_agents.CrewOps("release-crew")

    def part(*tools: Any, first: int = 0) -> None:
        spans = spans_of("t", *tools, first=first)
        for each in spans:
            ops.on_span_start(each)
        for each in reversed(spans):
            ops.on_span_end(each)

    return lambda: part(('{"a": 1}', None)), lambda: part(('{"a": 1}', "done"), first=7)


def two_parts_of_adk() -> Any:
    calls = case_of("google_adk", "tool that waits for approval")
    second = [n for n, call in enumerate(calls) if call[0] == "before_run_callback"][1]
    ops = google_adk.CrewOps("release-crew")

    def replay(part: list[Any]) -> None:
        async def work() -> None:
            await replay_callbacks(part, ops)

        asyncio.run(work())

    return lambda: replay(calls[:second]), lambda: replay(calls[second:])


@pytest.mark.parametrize(
    "parts",
    [two_parts_of_langchain, two_parts_of_openai, two_parts_of_adk],
    ids=["lc", "oa", "adk"],
)
class TestWhatIsResumed:
    def test_in_another_run_it_belongs_to_that_run(self, reporter, server, parts, monkeypatch):
        monkeypatch.setattr(openai_agents, "soon", lambda call, span: call(span))
        begin, go_on = parts()
        with crewops.run("release-crew", key="one"):
            begin()
        with crewops.run("release-crew", key="two"):
            go_on()
        assert reporter.flush(10)
        runs = [event["run"] for event in server.events]
        assert runs == sorted(runs)  # all of one, then all of two
        assert {e["status"] for e in server.of("tool_end") if e["run"] == "two"} == {"success"}

    def test_in_the_same_run_it_continues(self, reporter, server, parts, monkeypatch):
        monkeypatch.setattr(openai_agents, "soon", lambda call, span: call(span))
        begin, go_on = parts()
        with crewops.run("release-crew", key="one"):
            begin()
            go_on()
        assert reporter.flush(10)
        waited = [e["execution_id"] for e in server.of("tool_progress") if "message" in e]
        ended = [e["execution_id"] for e in server.of("tool_end") if e["status"] == "success"]
        assert set(waited) <= set(ended)
        assert_paired(server)

    def test_outside_a_run_the_adapters_own_run_continues(
        self, reporter, server, parts, monkeypatch
    ):
        monkeypatch.setattr(openai_agents, "soon", lambda call, span: call(span))
        begin, go_on = parts()
        begin()
        with crewops.run("release-crew", key="two"):
            go_on()
        assert reporter.flush(10)
        assert [event["run"] for event in server.events if event["run"] == "two"] == ["two"] * 2
        assert_paired(server)


def assert_paired(server: ReportServer) -> None:
    """Every part has one start and one end."""
    for kind, id in (
        ("agent", "instance"), ("task", "task_id"), ("tool", "execution_id"), ("llm", "call_id"),
    ):  # fmt: skip
        starts = sorted(event[id] for event in server.of(f"{kind}_start"))
        assert sorted(event[id] for event in server.of(f"{kind}_end")) == starts


def test_a_run_that_goes_on_elsewhere_does_not_keep_what_another_run_resumes(reporter, server):
    ops = langchain.CrewOps("release-crew")
    first = crewops.run("release-crew", key="one")
    with first:
        interrupt(ops, "t")
        with crewops.run("release-crew", key="two"):
            resume(ops, "t")
    assert reporter.flush(10)
    ends = [(event["run"], event["status"]) for event in server.of("tool_end")]
    assert ends == [("one", "cancelled"), ("two", "success")]


def interrupted_langchain() -> Any:
    ops = langchain.CrewOps("release-crew")
    return ops._waiting, lambda thread: interrupt(ops, thread)


def interrupted_openai() -> Any:
    ops = openai_agents.CrewOps("release-crew")

    def call(trace: str) -> None:
        spans = spans_of(trace, ("{}", None))
        for each in spans:
            ops.on_span_start(each)
        for each in reversed(spans):
            ops.on_span_end(each)

    return ops._waiting, call


def interrupted_adk() -> Any:
    ops = google_adk.CrewOps("release-crew")

    def call(session: str) -> None:
        own = {"invocation_id": session, "agent_name": "orion", "function_call_id": "c"}
        asyncio.run(_adk_interrupt(ops, SimpleNamespace(**own), session))

    return ops._paused, call


async def _adk_interrupt(ops: Any, own: Any, session: str) -> None:
    begun = SimpleNamespace(
        invocation_id=session, app_name="depot", session=SimpleNamespace(id=session)
    )
    tool = SimpleNamespace(name="add")
    await ops.before_run_callback(invocation_context=begun)
    await ops.before_tool_callback(tool=tool, tool_args={}, tool_context=own)
    asked = {"error": f"The tool {google_adk.CONFIRMATION}."}
    await ops.after_tool_callback(tool=tool, tool_context=own, result=asked, tool_args={})
    await ops.after_run_callback(invocation_context=begun)


@pytest.mark.parametrize(
    "interrupted",
    [interrupted_langchain, interrupted_openai, interrupted_adk],
    ids=["langchain", "openai", "adk"],
)
def test_of_too_many_runs_that_wait_the_oldest_ends(
    reporter, server: ReportServer, monkeypatch, interrupted
):
    monkeypatch.setattr(openai_agents, "soon", lambda call, span: call(span))
    monkeypatch.setattr(waiting, "KEPT", 3)
    kept, call = interrupted()
    for number in range(4):
        call(f"t{number}")
    assert reporter.flush(10)
    first = server.of("boot")[0]["run"]
    (done,) = server.of("done")
    assert (done["run"], done["status"], done["message"]) == (first, "cancelled", waiting.TOO_MANY)
    assert [event["run"] for event in server.of("tool_end")] == [first]
    assert len(kept) == 3


def test_a_run_that_is_replaced_on_its_thread_ends(reporter, server: ReportServer):
    pauses: waiting.Waiting[None] = waiting.Waiting()
    runs = [crewops.Run(reporter, "release-crew").start() for _ in range(2)]
    for run in runs:
        pauses.put("t", waiting.Pause(run, True, None, []))
    assert reporter.flush(10)
    assert [event["run"] for event in server.of("done")] == [runs[0].key]
    assert len(pauses) == 1


def test_openai_matches_an_approved_call_by_its_arguments(reporter, server, agents):
    """Two calls of one tool wait. Only one is approved, whichever it is."""
    for approved in ("x", "y"):
        ops, trace = openai_agents.CrewOps("release-crew"), f"t{approved}"
        agents(ops, spans_of(trace, ('{"what": "x"}', None), ('{"what": "y"}', None)))
        agents(ops, spans_of(trace, (f'{{"what": "{approved}"}}', "removed"), first=7))
    assert reporter.flush(10)
    shown = {e["execution_id"]: e["params"]["what"] for e in server.of("tool_start")}
    ends = [(shown[e["execution_id"]], e["status"]) for e in server.of("tool_end")]
    assert ends == [("x", "success"), ("y", "cancelled"), ("y", "success"), ("x", "cancelled")]


def test_openai_takes_the_only_call_that_waits_if_arguments_are_hidden(reporter, server, agents):
    ops = openai_agents.CrewOps("release-crew")
    (function,) = (hidden := spans_of("t", (None, None)))[2:]
    ops.on_span_start(hidden[0])
    ops.on_span_start(hidden[1])
    ops.on_span_start(function)
    tool = ops._entries[function.span_id].begun
    for each in reversed(hidden):
        ops.on_span_end(each)
    assert reporter.flush(10)
    entries = openai_agents.Root(tool.run, False, waiting=[tool])
    assert entries.approved("approve", {"what": "other"}) is None
    assert entries.approved("approve", None) is tool
    assert entries.waiting == []


def test_openai_runs_that_work_at_once_do_not_hold_each_others_tools(reporter, server, agents):
    """Both without hooks, in one run. A tool of each has returned nothing. One of them waits."""
    ops = openai_agents.CrewOps("release-crew")
    waits, goes_on = spans_of("w", ("{}", None)), spans_of("g", ("{}", None))
    turn = span("Turn", "g-t2", goes_on[0].span_id, "g", turn=2)
    with crewops.run("release-crew"):
        for spans in (waits, goes_on):
            for each in spans:
                ops.on_span_start(each)
            ops.on_span_end(spans[2])
            ops.on_span_end(spans[1])
        ops.on_span_start(turn)
        ops.on_span_end(turn)
        ops.on_span_end(goes_on[0])
        ops.on_span_end(waits[0])
        assert reporter.flush(10)
        of_waits, of_goes_on = (event["execution_id"] for event in server.of("tool_start"))
        ends = [(event["execution_id"], event["status"]) for event in server.of("tool_end")]
        assert ends == [(of_goes_on, "success")]
        assert [event["execution_id"] for event in server.of("tool_progress")] == [of_waits]


def test_langchain_helpers_do_not_end_what_waits_in_the_same_run(reporter, server):
    ops = langchain.CrewOps("release-crew")
    with crewops.run("release-crew"):
        interrupt(ops, "t")
        ops.on_chain_start(None, None, run_id=OTHER, name="helper")
        ops.on_chain_end(None, run_id=OTHER)
        resume(ops, "t")
    assert reporter.flush(10)
    assert_paired(server)
    assert len(server.of("tool_start")) == 1
    assert server.of("tool_end")[0]["status"] == "success"


@pytest.mark.parametrize(
    "title", ["updated while it waits", "updated while it waits, without a name"]
)
def test_langgraphs_update_state_does_not_end_what_waits(reporter, server, title):
    """Also without that, the replay of the vectors compares each event."""
    ops = langchain.CrewOps("release-crew")
    recorded.replay(case_of("langchain", title), lambda name: getattr(ops, name))
    assert reporter.flush(10)
    assert (len(server.of("boot")), len(server.of("done"))) == (1, 1)
    (ended,) = server.of("tool_end")
    assert (len(server.of("tool_start")), ended["status"]) == (1, "success")
    assert (ops._entries, len(ops._hidden)) == ({}, 0)


def test_langgraphs_update_state_of_a_graph_with_branches_is_no_run(reporter, server):
    """A function of a conditional edge calls a model. By hand, from callbacks of LangGraph."""
    ops = langchain.CrewOps("release-crew")
    about = {"metadata": {"thread_id": "t"}}
    ops.on_chain_start(None, None, run_id=GRAPH, name="LangGraphUpdateState", **about)
    ops.on_chain_start(
        None, None, run_id=NODE, parent_run_id=GRAPH, name="RunnableCallable", **about
    )
    ops.on_chat_model_start(None, [], run_id=TOOL, parent_run_id=NODE)
    ops.on_llm_error(ValueError(), run_id=TOOL, parent_run_id=NODE)
    ops.on_chain_end(None, run_id=NODE, parent_run_id=GRAPH)
    ops.on_chain_end(None, run_id=GRAPH)
    assert reporter.flush(10)
    assert (server.events, ops._entries, len(ops._hidden)) == ([], {}, 0)


@pytest.mark.parametrize(
    "metadata", [{"ls_integration": "langgraph"}, {"lc_agent_name": "SaveUpdateState"}]
)
def test_a_graph_whose_name_ends_like_that_is_shown(reporter, server, metadata):
    ops = langchain.CrewOps("release-crew")
    about = {"metadata": {"thread_id": "t", **metadata}}
    ops.on_chain_start(None, None, run_id=GRAPH, name="SaveUpdateState", **about)
    ops.on_chain_end(None, run_id=GRAPH)
    assert reporter.flush(10)
    assert server.of("done")[0]["status"] == "succeeded"


def test_runs_that_have_ended_are_not_kept(reporter: Reporter, server):
    ops = langchain.CrewOps("release-crew")
    for number in range(10):
        interrupt(ops, f"t{number}")
        resume(ops, f"t{number}")
    gc.collect()
    assert (len(ops._waiting), ops._entries, len(reporter.runs)) == (0, {}, 0)
