"""OpenTelemetry, live: ``provider.add_span_processor(LiveSpanProcessor("release-crew"))``.

An OTLP exporter sends a span when it has ended. This processor reports its start as well. It works
with the spans of any instrumentation that `otel_spans` knows, and needs no exporter.
"""

import threading
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
from .runs import Run

try:
    from opentelemetry.sdk.trace import SpanProcessor
except ImportError:  # the rest of the package works without it
    SpanProcessor = object  # type: ignore[misc,assignment]

TRACES = 1_000  # the most open traces that are stored, and the most ended ones
REPEATED = "repeated"  # the client library's span of a model call that a framework's span shows
CALL_STATUS = {"succeeded": "success", "failed": "error", "cancelled": "cancelled"}


class _Open:
    """A span that has begun."""

    __slots__ = ("agent", "kind", "live", "model", "run", "usage")

    def __init__(self, kind: str, agent: str, above: "_Open | None") -> None:
        self.kind = kind
        self.agent = agent  # the agent that it is, or that it belongs to
        self.live = bool(kind)  # its start was reported when it began
        # The run around it, or else that of the span above. None: the trace is a run of its own.
        self.run: Run | None = context.current_run() or (above.run if above is not None else None)
        self.usage: dict[str, Any] = {}  # of a model call: the usage in the client library's span
        self.model: _Open | None = None  # the model call that it is within
        if above is not None and above.kind not in ("agent", "tool"):
            self.model = above if above.kind == "model" else above.model
        if kind == "model" and self.model is not None:
            self.kind = REPEATED


class _Trace:
    def __init__(self, root: int) -> None:
        self.root = root
        # Spans that are open and have no span above them in this process. Several requests may
        # have one trace id.
        self.roots = {root}
        self.run: Run | None = None  # the run that the trace is, outside of any other run
        self.open: dict[int, _Open] = {}
        self.waiting: list[tuple[Any, _Open]] = []  # agents that ended before their calls did
        self.root_ending: tuple[str, str] | None = None
        self._trouble: dict[str, tuple[str, str, int]] = {}  # status, message, end; by run

    def note(self, run: Run, status: str, message: str, start: int, end: int) -> None:
        """Record how a call ended. A failure counts unless a call that began after it succeeded."""
        before = self._trouble.get(run.key)
        if status != "succeeded":
            self._trouble[run.key] = (status, message, end)
        elif before is not None and start >= before[2]:
            del self._trouble[run.key]

    def verdict(self, run: Run) -> tuple[str, str]:
        """Return how the run's calls ended: a span without a status does not prove success."""
        return self._trouble[run.key][:2] if run.key in self._trouble else ("succeeded", "")

    def has_open_calls(self, agent: str | None = None) -> bool:
        """Return whether a call of this agent, or of any agent, is open."""
        return any(
            each.kind in ("tool", "model") and agent in (None, each.agent)
            for each in self.open.values()
        )


class LiveSpanProcessor(SpanProcessor):
    """Reports agents, tools and model calls when they begin and when they end.

    One trace is one run of the crew. A span that begins within ``crewops.run`` belongs to that run,
    and so do the spans below it. Do not export the same spans to CrewOps with OTLP: they would be a
    second run.
    """

    def __init__(self, crew: str, *, name: str | None = None) -> None:
        self._crew = crew
        self._name = name
        self._lock = threading.RLock()
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._over: OrderedDict[int, None] = OrderedDict()

    @quiet
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        own, parent = span.get_span_context(), span.parent
        with self._lock:
            if own.trace_id in self._over and context.current_run() is None:
                return
            trace = self._traces.get(own.trace_id)
            if trace is None:
                trace = self._traces[own.trace_id] = _Trace(own.span_id)
                if len(self._traces) > TRACES:
                    self._finish(*self._traces.popitem(last=False))
            elif parent is None or parent.is_remote:
                trace.roots.add(own.span_id)
            above = trace.open.get(parent.span_id) if parent is not None else None
            kind = kind_of(span)
            # Every span is stored, because it may be between an agent and its tool.
            agent = agent_of(span, kind) or (above.agent if above else "")
            record = trace.open[own.span_id] = _Open(kind, agent, above)
            if record.kind in ("agent", "tool", "model"):
                self._start(span, trace, record, above.agent if above else "")

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
        self, span: Any, trace: _Trace, record: _Open, above: str, kind: str | None = None
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
        self, span: Any, trace: _Trace, record: _Open, kind: str, ending: tuple[str, str]
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

    def _run(self, span: Any, trace: _Trace, record: _Open) -> Run:
        if record.run is None:
            if trace.run is None:
                key = f"live-{span.get_span_context().trace_id:032x}"
                name = self._name or record.agent or None
                trace.run = Run(
                    reporter.current(), self._crew, name, key=key, origin="opentelemetry"
                ).start()
            record.run = trace.run
        return record.run

    def _finish(self, trace_id: int, trace: _Trace) -> None:
        if trace.run is None:
            return
        self._over[trace_id] = None
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
