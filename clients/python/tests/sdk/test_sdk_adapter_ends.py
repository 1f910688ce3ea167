"""What frameworks leave open, and what adapters keep of it."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import crewops_client as crewops
from crewops_client.adapters import (
    crewai,
    google_adk,
    langchain,
    langchain_entries,
    openai_agents,
    pydantic_ai,
)
from crewops_client.reporter import Reporter
from sdk import recorded
from sdk.report_server import ReportServer


def case_of(name: str, title: str) -> list[Any]:
    return next(case["calls"] for case in recorded.cases(name) if case["case"] == title)


async def test_adk_ends_no_invocation_with_a_task_that_ends_well(
    reporter: Reporter, server: ReportServer
):
    """The program reads each event in a task of its own."""
    ops = google_adk.CrewOps("release-crew")
    for name, _, given in case_of("google_adk", "one task for each event"):
        await asyncio.create_task(getattr(ops, name)(**recorded.revived(given)))
        await asyncio.sleep(0)  # the task's end is announced
    assert await asyncio.to_thread(reporter.flush, 10)
    kinds = server.kinds()
    assert kinds.count("done") == 1
    assert kinds.index("done") > kinds.index("tool_end")
    assert kinds[-1] == "done"


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "failed"), (asyncio.CancelledError(), "cancelled")]
)
async def test_adk_ends_an_invocation_whose_task_fails(reporter, server, error, status):
    ops = google_adk.CrewOps("release-crew")

    async def work() -> None:
        await ops.before_run_callback(invocation_context=invocation(1))
        raise error

    await asyncio.gather(asyncio.create_task(work()), return_exceptions=True)
    await asyncio.sleep(0)
    assert await asyncio.to_thread(reporter.flush, 10)
    assert [each["status"] for each in server.of("done")] == [status]


def invocation(number: int) -> Any:
    session = SimpleNamespace(id=f"s{number}")
    return SimpleNamespace(invocation_id=f"i{number}", app_name="depot", session=session)


async def test_adk_keeps_no_invocation_of_a_long_task(reporter: Reporter, server):
    ops = google_adk.CrewOps("release-crew")
    for number in range(100):
        await ops.before_run_callback(invocation_context=invocation(number))
        await ops.after_run_callback(invocation_context=invocation(number))
    gc.collect()
    assert len(reporter.runs) == 0
    assert await asyncio.to_thread(reporter.flush, 10)
    assert len(server.of("done")) == 100


async def test_adk_refuses_a_call_that_cannot_be_asked_about(reporter: Reporter):
    """For example one of an invocation that has ended meanwhile."""
    ops = google_adk.CrewOps("release-crew", approvals=True)
    own = SimpleNamespace(invocation_id="i", agent_name="orion", function_call_id="c")
    answer = await ops.before_tool_callback(
        tool=SimpleNamespace(name="deploy"), tool_args={}, tool_context=own
    )
    assert answer == {"error": "deploy: The approval could not be requested: KeyError: 'i'"}


async def test_adk_raises_the_cancellation_of_a_run(reporter: Reporter, server):
    ops = google_adk.CrewOps("release-crew", approvals=True)
    own = SimpleNamespace(invocation_id="i1", agent_name="orion", function_call_id="c")
    async with crewops.run("release-crew") as run:
        await ops.before_run_callback(invocation_context=invocation(1))
        run.controls.stop()
        with pytest.raises(crewops.Cancelled):
            await ops.before_tool_callback(
                tool=SimpleNamespace(name="deploy"), tool_args={}, tool_context=own
            )


LITELLM = {"prompt_tokens": 10, "completion_tokens": 3, "cache_read_input_tokens": 4,
           "cached_prompt_tokens": 4, "cache_creation_input_tokens": 2,
           "cache_creation_tokens": 2}  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # As CrewAI 1.15.30 makes them of the answers of OpenAI, Claude, Gemini and Bedrock.
        ({"prompt_tokens": 10, "completion_tokens": 3, "cached_prompt_tokens": 4}, (10, 3, 4, 0)),
        ({"input_tokens": 10, "output_tokens": 3, "total_tokens": 13, "cached_prompt_tokens": 4,
          "cache_creation_tokens": 2}, (10, 3, 4, 2)),
        ({"prompt_token_count": 10, "candidates_token_count": 3, "completion_tokens": 5,
          "cached_prompt_tokens": 4, "reasoning_tokens": 2}, (10, 5, 4, 0)),
        ({"prompt_token_count": 10, "candidates_token_count": 3}, (10, 3, None, 0)),
        ({"inputTokens": 4, "outputTokens": 3, "cacheReadInputTokens": 4,
          "cacheReadInputTokenCount": 4, "cacheWriteInputTokens": 2}, (10, 3, 4, 2)),
        ({"inputTokens": 10, "outputTokens": 3}, (10, 3, None, 0)),
        (LITELLM, (10, 3, 4, 2)),
        # Claude's own answer: the cache is not in its count of the input.
        ({"input_tokens": 4, "output_tokens": 3, "cache_read_input_tokens": 4,
          "cache_creation_input_tokens": 2}, (10, 3, 4, 2)),
        ({"total_tokens": 0}, (None, None, None, 0)),
        (None, (None, None, None, 0)),
    ],
)  # fmt: skip
def test_crewai_tokens_of_each_provider(reporter, server, usage, expected):
    listener = crewai.CrewOps("release-crew")
    ids = {"call_id": "c", "parent_event_id": None}
    with crewops.run("release-crew"):
        begun = SimpleNamespace(type="llm_call_started", model="m", messages=None, **ids)
        ended = SimpleNamespace(type="llm_call_completed", usage=usage, finish_reason=None, **ids)
        listener.on_event(begun)
        listener.on_event(ended)
    assert reporter.flush(10)
    (call,) = server.of("llm_end")
    names = ("input_tokens", "output_tokens", "cached_tokens")
    found = (*map(call.get, names), call.get("cache_write_tokens", 0))
    assert found == expected


def test_crewai_ends_the_run_of_a_task_without_a_crew(reporter, server):
    """Also without that, the replay of the vectors compares each event."""
    listener = crewai.CrewOps("release-crew")
    calls = case_of("crewai", "task without a crew")
    recorded.replay(calls, lambda name: getattr(listener, name))
    assert reporter.flush(10)
    (done,) = server.of("done")
    assert (done["status"], server.kinds()[-1]) == ("succeeded", "done")
    assert (listener._entries, listener._calls) == ({}, {})


@pytest.mark.parametrize("failure", [None, "no such page"])
def test_crewai_ends_the_run_of_a_tool_without_a_crew(reporter, server, failure):
    listener = crewai.CrewOps("release-crew")
    about = {"tool_name": "fetch", "parent_event_id": None, "event_id": "e"}
    begun = SimpleNamespace(type="tool_usage_started", tool_args={"page": "p"}, **about)
    ended = {"started_event_id": "e", "output": "text", "failure": failure}
    listener.on_event(begun)
    listener.on_event(SimpleNamespace(type="tool_usage_finished", **ended))
    assert reporter.flush(10)
    assert server.kinds()[-2:] == ["tool_end", "done"]
    assert server.of("done")[0]["status"] == ("succeeded" if failure is None else "failed")
    assert listener._entries == {}


ROOT, NODE, CALL, LATE = (UUID(int=number) for number in range(1, 5))


def test_langchain_ends_a_model_call_that_was_cancelled_with_its_chain(reporter, server):
    ops = langchain.CrewOps("release-crew")
    calls = case_of("langchain", "cancelled in a model call")
    recorded.replay(calls, lambda name: getattr(ops, name))
    assert reporter.flush(10)
    kinds = server.kinds()
    assert kinds.index("llm_end") < kinds.index("task_end")
    assert server.of("llm_end")[0]["status"] == "cancelled"
    assert ops._entries == {}


def test_langchain_reports_nothing_of_a_call_after_the_end_of_its_chain(reporter, server):
    """A tool in a thread works on after the cancellation, and calls a model. By hand."""
    ops = langchain.CrewOps("release-crew")
    ops.on_chain_start(None, None, run_id=ROOT, name="graph")
    ops.on_tool_start({"name": "slow"}, "", run_id=CALL, parent_run_id=ROOT)
    ops.on_chain_error(asyncio.CancelledError(), run_id=ROOT)
    ops.on_chat_model_start(None, [], run_id=LATE, parent_run_id=CALL)
    ops.on_llm_error(ValueError(), run_id=LATE, parent_run_id=CALL)
    ops.on_tool_end("late", run_id=CALL, parent_run_id=ROOT)
    assert reporter.flush(10)
    assert server.kinds() == ["boot", "tool_start", "tool_end", "done"]
    assert (ops._entries, len(ops._hidden)) == ({}, 0)


def test_langchain_keeps_a_bounded_number_of_hidden_calls(reporter, server, monkeypatch):
    monkeypatch.setattr(langchain_entries, "HIDDEN", 2)
    ops = langchain.CrewOps("release-crew")
    for number in range(5):
        ops._hidden.add(UUID(int=number))
    assert len(ops._hidden) == 2


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"state": "open", "config": {"a": [1, None]}, "store": 7, "runtime": True}, None),
        ({"q": "x", "state": {"messages": [object()]}, "runtime": object()}, {"q": "x"}),
        ({"q": "x", "config": [{"callbacks": object()}]}, {"q": "x"}),
    ],
)
def test_langchain_shows_parameters_that_only_have_such_names(reporter, server, given, shown):
    ops = langchain.CrewOps("release-crew")
    ops.on_tool_start({"name": "search"}, "", run_id=CALL, inputs=given)
    ops.on_tool_end("x", run_id=CALL)
    assert reporter.flush(10)
    assert server.of("tool_start")[0]["params"] == (given if shown is None else shown)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"cache_read": 4, "cache_creation": 2}, 2),
        ({"cache_creation": 0, "ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1}, 3),
        ({"cache_creation": 3, "ephemeral_5m_input_tokens": 3}, 3),
        ({"cache_creation": 0}, None),
        (None, None),
    ],
)
def test_langchain_reports_tokens_that_were_written_to_the_cache(
    reporter, server, details, expected
):
    ops = langchain.CrewOps("release-crew")
    usage = {"input_tokens": 10, "output_tokens": 3, "input_token_details": details}
    message = SimpleNamespace(content="", usage_metadata=usage, response_metadata={})
    ops.on_chat_model_start(None, [], run_id=CALL)
    answer = SimpleNamespace(generations=[[SimpleNamespace(message=message)]])
    ops.on_llm_end(answer, run_id=CALL)
    assert reporter.flush(10)
    (ended,) = server.of("llm_end")
    assert (ended["input_tokens"], ended.get("cache_write_tokens")) == (10, expected)


@pytest.mark.parametrize("counted", [{}, {"cached_tokens": 4}, {"cache_write_tokens": 2}])
async def test_pydantic_ai_reports_tokens_of_the_cache_unless_they_are_0(reporter, server, counted):
    """`RequestUsage` has 0 also where the provider says nothing about its cache."""
    read, written = counted.get("cached_tokens", 0), counted.get("cache_write_tokens", 0)
    ops, about = pydantic_ai.CrewOps("release-crew"), SimpleNamespace(agent=None, model=None)

    async def model(_):
        counts = {"input_tokens": 10, "output_tokens": 3}
        counts |= {"cache_read_tokens": read, "cache_write_tokens": written}
        return SimpleNamespace(usage=SimpleNamespace(**counts))

    async def work():
        await ops.wrap_model_request(
            about, request_context=SimpleNamespace(model=None), handler=model
        )

    await ops.wrap_run(about, handler=work)
    assert await asyncio.to_thread(reporter.flush, 10)
    (ended,) = server.of("llm_end")
    assert {name: ended[name] for name in ended if "cache" in name} == counted


@pytest.mark.parametrize("written", [2, 0])
def test_openai_agents_reports_tokens_that_were_written_to_the_cache(reporter, server, written):
    ops = openai_agents.CrewOps("release-crew")
    usage = {"input_tokens": 10, "input_tokens_details": {"cache_write_tokens": written}}
    kind = type("GenerationSpanData", (SimpleNamespace,), {})
    data = kind(model="gpt", input=None, output=None, usage=usage)
    about = {"span_id": "s", "parent_id": None, "trace_id": "t", "error": None}
    with crewops.run("release-crew"):
        ops.on_span_start(SimpleNamespace(span_data=data, **about))
        ops.on_span_end(SimpleNamespace(span_data=data, **about))
    assert reporter.flush(10)
    (ended,) = server.of("llm_end")
    assert (ended["input_tokens"], ended.get("cache_write_tokens")) == (10, written or None)


async def test_adk_reports_tokens_that_were_written_to_the_cache(reporter, server):
    ops = google_adk.CrewOps("release-crew")
    own = SimpleNamespace(invocation_id="i1", agent_name="orion", branch=None)
    usage = SimpleNamespace(prompt_token_count=10, cache_creation_input_tokens=2)
    await ops.before_run_callback(invocation_context=invocation(1))
    await ops.before_model_callback(
        callback_context=own, llm_request=SimpleNamespace(model="anthropic/claude")
    )
    await ops.after_model_callback(
        callback_context=own, llm_response=SimpleNamespace(usage_metadata=usage)
    )
    await ops.after_run_callback(invocation_context=invocation(1))
    assert await asyncio.to_thread(reporter.flush, 10)
    (ended,) = server.of("llm_end")
    assert (ended["input_tokens"], ended["cache_write_tokens"]) == (10, 2)


def test_the_api_reports_tokens_that_were_written_to_the_cache(reporter, server):
    with crewops.run("release-crew") as run:
        for written in (2, 0, None):
            with run.llm("anthropic", "claude") as call:
                call.usage(input=10, cached=4, cache_write=written, output=3)
    assert reporter.flush(10)
    assert [each.get("cache_write_tokens") for each in server.of("llm_end")] == [2, None, None]
