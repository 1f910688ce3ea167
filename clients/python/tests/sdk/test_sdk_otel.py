"""Spans of the OpenTelemetry SDK, reported live."""

import contextvars
import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

import crewops_client as crewops
from crewops_client import otel
from crewops_client.otel import LiveSpanProcessor
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "orion"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "fetch"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}


@pytest.fixture
def tracer(reporter: Reporter) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor("release-crew"))
    return provider.get_tracer("test")


def start(tracer, name, parent=None, **attributes):
    context = trace.set_span_in_context(parent) if parent is not None else None
    return tracer.start_span(name, context=context, attributes=attributes)


def fail(span, kind: str) -> None:
    span.add_event("exception", {"exception.type": kind, "exception.message": "no"})
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.end()


def test_starts_are_reported_before_the_ends(tracer, reporter: Reporter, server: ReportServer):
    root = start(tracer, "invoke_agent orion", **AGENT)
    arguments = json.dumps({"city": "Oslo"})
    tool = start(
        tracer, "execute_tool fetch", root, **TOOL, **{"gen_ai.tool.call.arguments": arguments}
    )
    (begun,) = server.wait_for("tool_start")
    assert (begun["tool"], begun["agent_id"], begun["params"]) == (
        "fetch",
        "orion",
        {"city": "Oslo"},
    )
    assert server.kinds() == ["boot", "agent_start", "tool_start"]
    tool.set_attribute("gen_ai.tool.call.result", "cold")
    tool.end()
    call = start(tracer, "chat gpt-5-mini", root, **CHAT, **{"gen_ai.provider.name": "openai"})
    call.set_attribute("gen_ai.usage.input_tokens", 7)
    call.end()
    root.end()
    assert reporter.flush(10)
    assert server.kinds()[3:] == ["tool_end", "llm_start", "llm_end", "agent_end", "done"]
    assert (server.of("tool_end")[0]["status"], server.of("tool_end")[0]["output"]) == (
        "success",
        "cold",
    )
    assert server.of("llm_start")[0]["provider"] == "openai"
    assert server.of("llm_end")[0]["input_tokens"] == 7
    assert server.of("boot")[0]["run"] == f"live-{root.get_span_context().trace_id:032x}"
    assert server.of("done")[0]["status"] == "succeeded"


@pytest.mark.parametrize("capture", [True, False])
def test_text_of_a_model_call_is_sent_where_it_is_captured(
    tracer, reporter: Reporter, server: ReportServer, capture
):
    reporter.settings = replace(reporter.settings, capture_text=capture)
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hello?"}]}])
    root = start(tracer, "invoke_agent orion", **AGENT)
    call = start(tracer, "chat gpt-5-mini", root, **CHAT, **{"gen_ai.input.messages": messages})
    call.set_attribute("output.value", "Hi.")
    call.end()
    root.end()
    assert reporter.flush(10)
    inputs = [event["input"] for event in server.of("llm_progress")]
    assert inputs == (["user: Hello?"] if capture else [])
    assert server.of("llm_end")[0].get("output") == ("Hi." if capture else None)


def test_a_cancelled_root_ends_before_its_tools(tracer, reporter: Reporter, server: ReportServer):
    root = start(tracer, "invoke_agent orion", **AGENT)
    tools = [start(tracer, "execute_tool fetch", root, **TOOL) for _ in range(2)]
    root.end()  # without a status, as Pydantic AI does it
    for tool in tools:
        fail(tool, "asyncio.exceptions.CancelledError")
    assert reporter.flush(10)
    assert [event["status"] for event in server.of("tool_end")] == ["cancelled"] * 2
    assert server.of("agent_end")[0]["status"] == "cancelled"
    assert server.of("done")[0]["status"] == "cancelled"


@pytest.mark.parametrize(("goes_on", "status"), [(True, "succeeded"), (False, "failed")])
def test_a_failed_tool_counts_unless_the_agent_went_on(tracer, reporter, server, goes_on, status):
    root = start(tracer, "invoke_agent orion", **AGENT)
    fail(start(tracer, "execute_tool fetch", root, **TOOL), "ValueError")
    if goes_on:
        start(tracer, "chat gpt-5-mini", root, **CHAT).end()
    root.end()
    assert reporter.flush(10)
    assert server.of("done")[0]["status"] == status
    assert server.of("tool_end")[0]["message"] == "ValueError: no"


def test_a_span_without_attributes_is_known_by_its_name(tracer, reporter, server):
    root = start(tracer, "invoke_agent orion")  # Agent Framework
    server.wait_for("agent_start")
    start(tracer, "chat gpt-5-mini", root).end()
    assert server.wait_for("llm_start")[0]["model"] == "gpt-5-mini"
    start(tracer, "execute_tool fetch", start(tracer, "POST", root)).end()
    assert server.wait_for("tool_start")[0]["agent_id"] == "orion"
    root.end()


def test_what_has_no_attributes_at_its_start_is_reported_at_its_end(tracer, reporter, server):
    lc = {"metadata": json.dumps({"lc_agent_name": "orion"})}  # OpenInference
    root = start(tracer, "orion")
    tool = start(tracer, "fetch", root)
    tool.set_attributes({"openinference.span.kind": "TOOL", "tool.name": "fetch", **lc})
    tool.end()
    root.set_attributes({"openinference.span.kind": "CHAIN", **lc})
    root.end()
    assert reporter.flush(10)
    assert server.kinds() == ["boot", "tool_start", "tool_end", "agent_start", "agent_end", "done"]
    assert server.of("tool_start")[0]["agent_id"] == "orion"
    assert server.of("agent_start")[0]["at"] < server.of("agent_end")[0]["at"]


def test_a_sub_agent_names_its_caller(tracer, reporter, server):
    root = start(tracer, "invoke_agent orion", **AGENT)
    tool = start(tracer, "execute_tool ask", root, **TOOL)
    lyra = start(tracer, "invoke_agent lyra", tool, **{**AGENT, "gen_ai.agent.name": "lyra"})
    _, begun = server.wait_for("agent_start", 2)
    assert (begun["agent_id"], begun["parent_agent_id"]) == ("lyra", "orion")
    for span in (lyra, tool, root):
        span.end()


@pytest.mark.parametrize("early", [CHAT, {}])
@pytest.mark.parametrize("known", [{"gen_ai.usage.input_tokens": 100}, {}])
def test_a_client_librarys_span_is_no_second_call(tracer, reporter, server, known, early):
    root = start(tracer, "invoke_agent orion", **AGENT)
    call = start(tracer, "chat claude", root, **CHAT)
    http = start(tracer, "retries", call)
    library = start(tracer, "messages.create", http, **early)
    library.set_attributes({**CHAT, "gen_ai.usage.input_tokens": 100})
    library.end()
    http.end()
    call.set_attributes(known)
    call.end()
    tool = start(tracer, "execute_tool ask", root, **TOOL)
    start(tracer, "chat claude", tool, **CHAT, **{"gen_ai.usage.input_tokens": 7}).end()
    tool.end()
    root.end()
    assert reporter.flush(10)
    assert len(server.of("llm_start")) == 2
    assert [event["input_tokens"] for event in server.of("llm_end")] == [100, 7]


def test_within_a_run_the_spans_belong_to_it(tracer, reporter, server):
    with crewops.run("release-crew", key="own"):
        start(tracer, "execute_tool fetch", **TOOL).end()
    assert reporter.flush(10)
    assert {event["run"] for event in server.events} == {"own"}
    assert server.kinds() == ["boot", "tool_start", "tool_end", "done"]


def test_spans_that_are_no_part_of_a_crew_are_no_run(tracer, reporter, server):
    root = start(tracer, "GET /", **{"http.request.method": "GET"})
    start(tracer, "SELECT", root).end()
    root.end()
    assert reporter.flush(10)
    assert server.events == []


def test_it_never_raises_and_forgets_what_has_ended(tracer, reporter, server, monkeypatch):
    processor = LiveSpanProcessor("release-crew")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    own = provider.get_tracer("test")
    monkeypatch.setattr(otel, "TRACES", 3)
    for _ in range(5):
        start(own, "invoke_agent orion", **AGENT).end()
    assert (len(processor._traces), len(processor._over)) == (0, 3)
    for _ in range(5):
        start(own, "invoke_agent orion", **AGENT)  # never ends
    assert len(processor._traces) == 3
    monkeypatch.setattr(otel, "kind_of", None)
    start(own, "chat", **CHAT).end()
    provider.shutdown()


def test_blocks_of_runs_in_one_span_keep_their_own_spans(tracer, reporter, server):
    root = start(tracer, "GET /")
    for key in ("one", "two"):
        with crewops.run("release-crew", key=key):
            agent = start(tracer, "invoke_agent orion", root, **AGENT)
            fail(start(tracer, "execute_tool fetch", agent, **TOOL), "ValueError")
            if key == "two":
                start(tracer, "chat gpt-5-mini", agent, **CHAT).end()
            agent.end()
    start(tracer, "execute_tool fetch", root, **TOOL).end()  # outside of both
    root.end()
    assert reporter.flush(10)
    own = f"live-{root.get_span_context().trace_id:032x}"
    tools = [(event["run"], event["status"]) for event in server.of("tool_end")]
    assert tools == [("one", "error"), ("two", "error"), (own, "success")]
    agents = [(event["run"], event["status"]) for event in server.of("agent_end")]
    assert agents == [("one", "failed"), ("two", "succeeded")]
    assert sorted(event["run"] for event in server.of("done")) == sorted(["one", "two", own])


def test_a_span_in_no_run_belongs_to_the_run_of_the_span_above(tracer, reporter, server):
    with crewops.run("release-crew", key="own"):
        root = start(tracer, "invoke_agent orion", **AGENT)

        def work() -> None:  # a thread that does not get the context of the run
            start(tracer, "execute_tool fetch", root, **TOOL).end()

        contextvars.Context().run(work)
        root.end()
    assert reporter.flush(10)
    assert {event["run"] for event in server.events} == {"own"}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("first", ["run", "trace"])
def test_requests_of_one_remote_trace_each_have_their_own_run(
    tracer, reporter, server, at_once, first
):
    remote = trace.SpanContext(7, 9, is_remote=True, trace_flags=trace.TraceFlags(1))
    front_end = trace.NonRecordingSpan(remote)
    roots = []
    for key in ("one", "two"):
        is_traced = key == "one" and first == "trace"
        with nullcontext() if is_traced else crewops.run("release-crew", key=key):
            root = start(tracer, "POST /ask", front_end)
            start(tracer, "execute_tool fetch", root, **TOOL).end()
            roots.append(root)
            if not at_once:
                root.end()
            elif key == "two":
                roots[0].end()
                start(tracer, "execute_tool fetch", root, **TOOL).end()
                root.end()
    assert reporter.flush(10)
    own = f"live-{7:032x}" if first == "trace" else "one"
    runs = [event["run"] for event in server.of("tool_end")]
    assert runs == [own, "two", *(["two"] if at_once else [])]
    assert sorted(event["run"] for event in server.of("done")) == sorted([own, "two"])


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
    ],
)
def test_tokens_that_were_written_to_the_cache(tracer, reporter, server, name):
    root = start(tracer, "invoke_agent orion", **AGENT)
    for written in (2, 0):
        start(tracer, "chat claude", root, **CHAT, **{name: written}).end()
    root.end()
    assert reporter.flush(10)
    assert [each.get("cache_write_tokens") for each in server.of("llm_end")] == [2, None]
