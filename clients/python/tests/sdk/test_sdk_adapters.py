"""Recorded callbacks of real frameworks, replayed on the adapters, are reported as they were."""

import asyncio
import contextlib
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID

import pytest

import crewops_client as crewops
from crewops_client.adapters import (
    common,
    crewai,
    google_adk,
    langchain,
    openai_agents,
    pydantic_ai,
)
from crewops_client.reporter import Reporter
from sdk import recorded
from sdk.replays import Spans, replay_callbacks, replay_wraps
from sdk.report_server import ReportServer
from sdk.steering import is_steered


def unsteered(name: str) -> list:
    """The cases in which no user controls the run. `test_sdk_controls_*.py` replay the others."""
    return [case for case in recorded.cases(name) if not is_steered(case)]


@pytest.mark.parametrize("case", unsteered("langchain"), ids=lambda case: case["case"])
def test_langchain(reporter: Reporter, server: ReportServer, case, caplog):
    handler = langchain.CrewOps("release-crew")
    recorded.replay(case["calls"], lambda name: getattr(handler, name))
    assert reporter.flush(10)
    assert recorded.normalised(server.events) == case["events"]
    assert caplog.text == ""
    ended = [event["type"] for event in case["events"]]
    assert ended.count("tool_start") == ended.count("tool_end")
    assert ended[-1] == "done"


def test_an_answer_from_the_cache_of_langchain_spends_nothing(reporter, server):
    """LangChain calls the handler as for a call, with the tokens of the call that it stored."""
    handler, id = langchain.CrewOps("release-crew"), UUID(int=1)
    usage = {"input_tokens": 100, "output_tokens": 5, "total_tokens": 105, "total_cost": 0}
    message = SimpleNamespace(content="2 kg", usage_metadata=usage, response_metadata={})
    handler.on_chat_model_start(None, [], run_id=id)
    answer = SimpleNamespace(generations=[[SimpleNamespace(message=message)]])
    handler.on_llm_end(answer, run_id=id)
    assert reporter.flush(10)
    (ended,) = server.of("llm_end")
    assert (ended["input_tokens"], ended["output_tokens"]) == (0, 0)


@pytest.mark.parametrize("case", unsteered("openai_agents"), ids=lambda case: case["case"])
async def test_openai_agents(reporter: Reporter, server: ReportServer, case, caplog, monkeypatch):
    processor = openai_agents.CrewOps("release-crew")
    await Spans(processor, monkeypatch).replay(case["calls"])
    assert await asyncio.to_thread(reporter.flush, 10)
    assert recorded.normalised(server.events) == case["events"]
    assert caplog.text == ""
    assert case["events"][-1]["type"] == "done"
    assert processor._entries == {}


@pytest.mark.parametrize("case", unsteered("crewai"), ids=lambda case: case["case"])
def test_crewai(reporter: Reporter, server: ReportServer, case, caplog):
    listener = crewai.CrewOps("release-crew")
    joins = case["case"] == "within a run"
    around = crewops.run("release-crew", name="Outer") if joins else nullcontext()
    with around:
        recorded.replay(case["calls"], lambda name: getattr(listener, name))
    assert reporter.flush(10)
    assert recorded.normalised(server.events) == case["events"]
    assert caplog.text == ""
    kinds = [event["type"] for event in case["events"]]
    assert kinds.count("tool_start") == kinds.count("tool_end")
    assert kinds.count("agent_start") == kinds.count("agent_end")
    assert kinds.count("done") == 1
    assert listener._entries == listener._calls == {}


@pytest.mark.parametrize("case", unsteered("pydantic_ai"), ids=lambda case: case["case"])
async def test_pydantic_ai(reporter: Reporter, server: ReportServer, case, caplog):
    await replay_wraps(case["calls"], pydantic_ai.CrewOps("release-crew"))
    assert await asyncio.to_thread(reporter.flush, 10)
    assert recorded.normalised(server.events) == case["events"]
    assert caplog.text == ""


@pytest.mark.parametrize("case", unsteered("google_adk"), ids=lambda case: case["case"])
async def test_google_adk(reporter: Reporter, server: ReportServer, case, caplog):
    replaying = asyncio.create_task(
        replay_callbacks(case["calls"], google_adk.CrewOps("release-crew"))
    )
    await asyncio.gather(replaying, return_exceptions=True)
    await asyncio.sleep(0)  # the task's end is announced
    assert await asyncio.to_thread(reporter.flush, 10)
    assert recorded.normalised(server.events) == case["events"]
    assert caplog.text == ""
    kinds = [event["type"] for event in case["events"]]
    assert kinds.count("tool_start") == kinds.count("tool_end")
    assert kinds.count("llm_start") == kinds.count("llm_end")
    assert kinds.count("agent_start") == kinds.count("agent_end")
    assert kinds[-1] == "done"


async def test_google_adk_ends_a_run_whose_task_goes_on_after_a_cancellation(
    reporter: Reporter, server: ReportServer, monkeypatch
):
    monkeypatch.setattr(google_adk, "AFTER_S", 0)
    case = next(c for c in recorded.cases("google_adk") if c["case"] == "cancelled in a tool")
    with contextlib.suppress(asyncio.CancelledError):
        await replay_callbacks(case["calls"], google_adk.CrewOps("release-crew"))
    while not server.of("done"):
        await asyncio.sleep(0.01)
    assert server.of("done")[0]["status"] == "cancelled"


def test_a_fault_of_the_adapter_stays_in_it(reporter: Reporter, server: ReportServer, caplog):
    handler = langchain.CrewOps("release-crew")
    for _ in range(2):
        handler.on_chain_start(None, None, run_id=UUID(int=1), metadata="not a dict")
    handler.on_tool_end("late", run_id=UUID(int=2))
    handler.on_llm_end(None, run_id=UUID(int=3))
    assert caplog.text.count("CrewOps.on_chain_start failed") == 1


def capturing(text: bool = True) -> SimpleNamespace:
    return SimpleNamespace(run=SimpleNamespace(capture_text=text))


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (None, None),
        ("Hello?", "Hello?"),
        (["Hello?"], "Hello?"),
        ([{"role": "user", "content": "Hello?"}, {"role": "a", "content": [{"text": "Hi"}]}],
         "user: Hello?\n\na: Hi"),
        ([[SimpleNamespace(type="human", content="Hello?")]], "human: Hello?"),
        ([SimpleNamespace(kind="request", parts=[SimpleNamespace(content="Hello?")])],
         "request: Hello?"),
        ([{"type": "function_call", "name": "fetch", "id": None, "more": {"a": []}}],
         'function_call: {"type": "function_call", "name": "fetch"}'),
    ],
)  # fmt: skip
def test_messages_become_text(messages, text):
    assert common.captured(capturing(), messages) == text
    assert common.captured(capturing(False), messages) is None


def test_messages_that_cannot_be_read_do_not_raise(reporter: Reporter, caplog):
    assert common.captured(capturing(), 7) is None
    assert "captured failed" in caplog.text


async def test_pydantic_ai_sends_text_where_it_is_captured(
    reporter: Reporter, server: ReportServer
):
    reporter.settings = replace(reporter.settings, capture_text=True)
    ops, about = pydantic_ai.CrewOps("release-crew"), SimpleNamespace(agent=None, model=None)
    request = SimpleNamespace(model=None, messages=[{"role": "user", "content": "Hello?"}])

    async def model(_):
        usage = SimpleNamespace(input_tokens=1, output_tokens=1)
        return SimpleNamespace(usage=usage, kind="response", parts=[{"content": "Hi."}])

    async def work():
        await ops.wrap_model_request(about, request_context=request, handler=model)

    await ops.wrap_run(about, handler=work)
    assert await asyncio.to_thread(reporter.flush, 10)
    assert server.of("llm_start")[0]["input"] == "user: Hello?"
    assert server.of("llm_end")[0]["output"] == "response: Hi."


def test_openai_agents_sends_text_that_a_model_sets_after_the_start(
    reporter: Reporter, server: ReportServer
):
    reporter.settings = replace(reporter.settings, capture_text=True)
    ops = openai_agents.CrewOps("release-crew")
    agent = type("AgentSpanData", (SimpleNamespace,), {})(name="orion")
    data = type("GenerationSpanData", (SimpleNamespace,), {})(model="gpt", input=None)
    about = {"trace_id": "t", "error": None}
    spans = [
        SimpleNamespace(span_id="a", parent_id=None, span_data=agent, **about),
        SimpleNamespace(span_id="g", parent_id="a", span_data=data, **about),
    ]
    for span in spans:
        ops.on_span_start(span)
    data.input = [{"role": "user", "content": "Hello?"}]
    data.output = [{"role": "assistant", "content": [{"text": "Hi."}]}]
    for span in reversed(spans):
        ops.on_span_end(span)
    assert reporter.flush(10)
    assert server.of("llm_progress")[0]["input"] == "user: Hello?"
    assert server.of("llm_end")[0]["output"] == "assistant: Hi."
