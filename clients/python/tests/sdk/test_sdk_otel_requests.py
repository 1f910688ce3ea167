"""Spans of the OpenTelemetry SDK: several requests with one trace id, and forked processes."""

import multiprocessing
import sys
import threading
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from crewops_client.otel import LiveSpanProcessor
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer
from sdk.test_sdk_otel import AGENT, TOOL, start

TRACE = 7
CALLER = trace.NonRecordingSpan(
    trace.SpanContext(TRACE, 9, is_remote=True, trace_flags=trace.TraceFlags(1))
)


@pytest.fixture
def processor(reporter: Reporter) -> LiveSpanProcessor:
    return LiveSpanProcessor("release-crew")


@pytest.fixture
def tracer(processor: LiveSpanProcessor) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider.get_tracer("test")


def request(tracer: trace.Tracer) -> trace.Span:
    """Serve one request of the caller. Returns its span, which has ended."""
    root = start(tracer, "POST /ask", CALLER)
    agent = start(tracer, "invoke_agent orion", root, **AGENT)
    start(tracer, "execute_tool fetch", agent, **TOOL).end()
    agent.end()
    root.end()
    return root


def test_each_request_of_a_callers_trace_is_a_run(tracer, reporter: Reporter, server: ReportServer):
    spans = [request(tracer) for _ in range(3)]
    start(tracer, "execute_tool late", spans[0], **TOOL).end()
    assert reporter.flush(10)
    own = f"live-{TRACE:032x}"
    later = [f"{own}-{span.get_span_context().span_id:016x}" for span in spans[1:]]
    assert [event["run"] for event in server.of("boot")] == [own, *later]
    assert [event["run"] for event in server.of("tool_end")] == [own, *later]
    assert [event["status"] for event in server.of("done")] == ["succeeded"] * 3


def in_a_child(work: Callable[[], object]) -> int | None:
    """Run `work` in a forked child. Returns its exit code, or None if it hangs."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(10)
    code = child.exitcode
    if code is None:
        child.kill()
        child.join()
    return code


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_fork_while_another_thread_reports_a_span_does_not_hang(tracer, processor, server):
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with processor._lock:
            held.set()
            go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        assert in_a_child(lambda: request(tracer)) == 0
    finally:
        go.set()
        thread.join()
    assert server.wait_for("done")[0]["status"] == "succeeded"


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_reports_to_the_run_of_its_parent(tracer, reporter, server: ReportServer):
    agent = start(tracer, "invoke_agent orion", **AGENT)
    tool = start(tracer, "execute_tool fetch", agent, **TOOL)

    def work() -> None:
        start(tracer, "execute_tool inner", tool, **TOOL).end()
        tool.end()  # as a child does that leaves the blocks of its parent
        agent.end()

    assert in_a_child(work) == 0
    server.wait_for("tool_end")
    tool.end()
    agent.end()
    assert reporter.flush(10)
    assert len({event["run"] for event in server.events}) == 1
    assert [event["agent_id"] for event in server.of("tool_start")] == ["orion"] * 2
    for kind, count in (("tool_end", 2), ("agent_end", 1), ("done", 1)):
        assert len(server.of(kind)) == count
