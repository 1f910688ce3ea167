"""OpenTelemetry, live: ``provider.add_span_processor(LiveSpanProcessor("release-crew"))``.

An OTLP exporter sends a span when it has ended. This processor reports its start as well. It works
with the spans of any instrumentation that `otel_spans` knows, and needs no exporter.
"""

import os
import threading
import weakref
from collections import OrderedDict
from typing import Any

from . import context, reporter
from .adapters.common import captured, quiet
from .calls import TEXT
from .otel_spans import (
    agent_of,
    call_of,
    ending_of,
    kind_of,
    messages_of,
    output_of,
    params_of,
    tool_of,
    usage_of,
)
from .otel_traces import REPEATED, Open, Trace
from .runs import Run

try:
    from opentelemetry.sdk.trace import SpanProcessor
except ImportError:  # the rest of the package works without it
    SpanProcessor = object  # type: ignore[misc,assignment]

TRACES = 1_000  # the most open traces that are stored, and the most ended ones
CALL_STATUS = {"succeeded": "success", "failed": "error", "cancelled": "cancelled"}


class LiveSpanProcessor(SpanProcessor):
    """Reports agents, tools and model calls when they begin and when they end.

    One trace is one run of the crew. If a trace has more spans without a parent in this process
    after the end of the run, each of these is another run. A span that begins within
    ``crewops.run`` belongs to that run, and so do the spans below it. Do not export the same spans
    to CrewOps with OTLP: they would be a second run.
    """

    def __init__(self, crew: str, *, name: str | None = None) -> None:
        self._crew = crew
        self._name = name
        self._lock = threading.RLock()
        self._traces: OrderedDict[int, Trace] = OrderedDict()
        self._over: OrderedDict[int, None] = OrderedDict()
        _processors.add(self)

    def forked(self) -> None:
        """Take a new lock in a forked child: a thread that the child does not have may hold it.

        The spans that were open belong to the parent, which reports their end.
        """
        self._lock = threading.RLock()
        for trace_id, trace in list(self._traces.items()):
            trace.forked()
            if trace.run is None:
                del self._traces[trace_id]

    @quiet
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        own, parent = span.get_span_context(), span.parent
        with self._lock:
            trace = self._traces.get(own.trace_id)
            is_root = parent is None or parent.is_remote
            if trace is not None:
                trace.roots |= {own.span_id} if is_root else set()
            elif is_root or own.trace_id not in self._over or context.current_run() is not None:
                trace = self._begin(own)
            else:
                return  # a late span of a run that has ended
            above = trace.above(parent.span_id) if parent is not None else None
            kind = kind_of(span)
            # Every span is stored, because it may be between an agent and its tool.
            agent = agent_of(span, kind) or (above.agent if above else "")
            record = trace.open[own.span_id] = Open(kind, agent, above)
            if record.kind in ("agent", "tool", "model"):
                self._start(span, trace, record, above.agent if above else "")

    def _begin(self, own: Any) -> Trace:
        """Store and return a new trace. A caller may make several requests with one trace id, one
        after the other: each is a run."""
        key = f"live-{own.trace_id:032x}"
        key += f"-{own.span_id:016x}" if own.trace_id in self._over else ""
        trace = self._traces[own.trace_id] = Trace(own.span_id, key)
        if len(self._traces) > TRACES:
            self._finish(*self._traces.popitem(last=False))
        return trace

    @quiet
    def on_end(self, span: Any) -> None:
        own = span.get_span_context()
        with self._lock:
            trace = self._traces.get(own.trace_id)
            record = trace.open.pop(own.span_id, None) if trace is not None else None
            if trace is None or record is None:
                return
            kind = record.kind or kind_of(span, has_ended=True)
            ending = ending_of(span)
            if record.model is not None and kind in (REPEATED, "model"):
                kind, record.model.usage = REPEATED, usage_of(span)
            if kind in ("agent", "tool", "model"):
                if not record.live:  # its attributes came after its start
                    record.agent = agent_of(span, kind) or record.agent
                    self._start(span, trace, record, "", kind=kind)
                if kind == "agent" and not ending[0] and trace.has_open_calls(record.agent):
                    trace.waiting.append((span, record))  # cancelled: its calls decide how it ended
                else:
                    self._end(span, trace, record, kind, ending)
            for waiting in list(trace.waiting):
                if not trace.has_open_calls(waiting[1].agent):
                    trace.waiting.remove(waiting)
                    self._end(waiting[0], trace, waiting[1], "agent", ("", ""))
            trace.roots.discard(own.span_id)
            if own.span_id == trace.root:
                trace.root_ending = ending
            if not trace.roots and not trace.has_open_calls():
                del self._traces[own.trace_id]
                self._finish(own.trace_id, trace)

    def _start(
        self, span: Any, trace: Trace, record: Open, above: str, kind: str | None = None
    ) -> None:
        kind = kind or record.kind
        run = self._run(span, trace, record)
        id = f"{span.get_span_context().span_id:016x}"
        fields: dict[str, Any] = {} if record.live else {"at": span.start_time / 1e9}
        if record.agent:
            fields["agent_id"] = record.agent[:200]
        if kind == "agent":
            fields |= {"name": record.agent[:60], "instance": id}
            if above and above != record.agent:
                fields["parent_agent_id"] = above[:200]
            run.emit("agent_start", fields)
        elif kind == "tool":
            params = params_of(span)
            fields |= {"execution_id": id, "tool": tool_of(span)}
            run.emit("tool_start", fields | ({"params": params} if params else {}))
        else:
            run.emit("llm_start", {**fields, "call_id": id, **call_of(span)})

    def _end(
        self, span: Any, trace: Trace, record: Open, kind: str, ending: tuple[str, str]
    ) -> None:
        run = self._run(span, trace, record)
        status, message = ending
        id = f"{span.get_span_context().span_id:016x}"
        fields: dict[str, Any] = {"at": span.end_time / 1e9}
        if kind == "agent":
            if not status:
                status, message = trace.verdict(run)
            fields |= {"agent_id": record.agent[:200], "instance": id, "status": status}
            run.emit("agent_end", fields | ({"message": message} if message else {}))
            return
        status = status or "succeeded"
        trace.note(run, status, message, span.start_time, span.end_time)
        fields |= {"status": CALL_STATUS[status]} | ({"message": message} if message else {})
        if kind == "tool":
            output = output_of(span)
            fields |= {"execution_id": id, **({"output": output} if output else {})}
            run.emit("tool_end", fields)
        else:
            given = captured(run, messages_of(span, "input"))
            if given:
                run.emit("llm_progress", {"call_id": id, "input": given[:TEXT]})
            answer = captured(run, messages_of(span, "output"))
            fields |= {"output": answer[:TEXT]} if answer else {}
            run.emit("llm_end", {**fields, "call_id": id, **record.usage, **usage_of(span)})

    def _run(self, span: Any, trace: Trace, record: Open) -> Run:
        if record.run is None:
            if trace.run is None:
                name = self._name or record.agent or None
                trace.run = Run(
                    reporter.current(), self._crew, name, key=trace.key, origin="opentelemetry"
                ).start()
            record.run = trace.run
        return record.run

    def _finish(self, trace_id: int, trace: Trace) -> None:
        if trace.run is None:
            return
        self._over[trace_id] = None
        self._over.move_to_end(trace_id)
        if len(self._over) > TRACES:
            self._over.popitem(last=False)
        status, message = trace.root_ending or ("", "")
        if not status:
            status, message = trace.verdict(trace.run)
        trace.run.end(status, message=message or None)

    def _on_ending(self, span: Any) -> None:
        """Do nothing. The SDK calls it before a span ends."""

    @quiet
    def shutdown(self) -> None:
        """End the runs whose root span has ended. The other runs end with the program."""
        with self._lock:
            for trace_id, trace in list(self._traces.items()):
                if trace.root_ending is not None:
                    self._finish(trace_id, self._traces.pop(trace_id))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(reporter.current().flush(timeout_millis / 1000))


_processors: "weakref.WeakSet[LiveSpanProcessor]" = weakref.WeakSet()


def _in_forked_child() -> None:
    for processor in list(_processors):
        processor.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
