"""OpenAI Agents SDK: ``add_trace_processor(CrewOps("release-crew"))``.

Spans give the structure. A span does not say how it ended, but it ends while the exception
propagates, so `sys.exc_info` has the exception. A tool's span gets its arguments just after its
start, so the tool is reported in the next turn of the event loop. Two facts are not in the spans:
whether a tool has run, and the text of its error. For these, pass the same object as `hooks`, and
its `tool_error` as `tool_error_formatter`.
"""

import sys
from collections.abc import Callable
from typing import Any

from .. import context, reporter
from ..calls import LLM, STATUS
from ..runs import Run
from ..scope import Agent, Task, outcome, text_of
from ..tools import Tool
from .common import arguments_of, captured, quiet, soon
from .openai_agents_entries import Entry, Root
from .waiting import WAITING, Pause, Waiting

try:
    from agents import RunHooks, get_current_span
    from agents.tracing import TracingProcessor
except ImportError:  # tests replay recorded sequences without it
    TracingProcessor = type("TracingProcessor", (), {})  # type: ignore[misc]
    RunHooks = type("RunHooks", (), {})  # type: ignore[misc]

    def get_current_span() -> Any:
        return None


class CrewOps(TracingProcessor, RunHooks):
    """One processor serves any number of runs. Within `crewops.run` it joins that run."""

    def __init__(self, crew: str, *, name: str | None = None) -> None:
        self._crew = crew
        self._name = name
        self._entries: dict[str, Entry] = {}
        self._waiting: Waiting[list[Tool]] = Waiting()  # by trace

    @quiet
    def on_span_start(self, span: Any) -> None:
        data = span.span_data
        parent = self._entries.get(span.parent_id or "")
        kind = type(data).__name__.removesuffix("SpanData").lower()
        entry = parent.child() if parent else self._root(span, kind)
        if entry is None:
            return  # a span that the program made, outside of any run
        if parent is not None:
            self._report(parent)
            entry.scope = parent.scope
        entry.before = sys.exc_info()[1]
        self._entries[span.span_id] = entry
        begin: Callable[[Entry, Any], Any] | None = getattr(self, f"_begin_{kind}", None)
        if begin is not None:
            begin(entry, data)
        if entry.pending is not None:
            soon(self.on_tool_ready, span)

    def _root(self, span: Any, kind: str) -> Entry | None:
        pause = self._waiting.take(span.trace_id)
        around = context.current()
        if pause is not None:
            return Entry(pause.run, Root(pause.run, pause.owned, waiting=pause.state))
        if around is not None:
            return Entry(around, Root(around.run, owned=False))
        if kind not in ("task", "agent"):
            return None
        name = self._name or span.span_data.name
        run = Run(reporter.current(), self._crew, name, origin="openai-agents").start()
        return Entry(run, Root(run, owned=True))

    def _begin_agent(self, entry: Entry, data: Any) -> None:
        scope = entry.scope
        entry.begun = entry.scope = Agent(scope.run, data.name, data.name, None, scope.agent_id)

    def _begin_turn(self, entry: Entry, data: Any) -> None:
        scope = entry.scope
        entry.root.settle(scope.agent_id)
        entry.begun = entry.scope = Task(
            scope.run, scope.agent_id, f"Turn {data.turn}", None, scope.task_id
        )

    def _begin_function(self, entry: Entry, data: Any) -> None:
        entry.pending = data
        if entry.parent is not None:
            entry.parent.tools.append(entry)

    @quiet
    def on_tool_ready(self, span: Any) -> None:
        """Report the tool. Its span has its arguments by now."""
        if (entry := self._entries.get(span.span_id)) is not None:
            self._report(entry, span.span_data)

    def _report(self, entry: Entry, data: Any = None) -> None:
        if entry.pending is None:
            return
        data, entry.pending = data or entry.pending, None
        scope, given = entry.scope, arguments_of(data.input)
        tool = entry.root.approved(data.name, given)
        tool = tool or Tool(scope.run, scope.agent_id, scope.task_id, data.name, given)
        entry.begun = entry.scope = tool

    def _begin_generation(self, entry: Entry, data: Any) -> None:
        scope, model = entry.scope, getattr(data, "model", None)
        entry.begun = LLM(scope.run, scope.agent_id, scope.task_id, "openai", model or "unknown")

    _begin_response = _begin_generation

    @quiet
    def on_span_end(self, span: Any) -> None:
        entry = self._entries.pop(span.span_id, None)
        if entry is None:
            return
        self._report(entry, span.span_data)
        error = sys.exc_info()[1]
        if error is entry.before:
            error = None
        data, status, message = span.span_data, outcome(error), None
        if error is not None:
            message = text_of(error)
        elif span.error:
            status, message = "failed", _text(span.error)
        begun = entry.begun
        if entry.parent is not None and entry in entry.parent.tools:
            entry.parent.tools.remove(entry)
        if isinstance(begun, Tool):
            self._end_tool(entry, begun, data, status, message)
        elif isinstance(begun, LLM):
            usage = quiet(_usage)(begun, data)
            begun.end(STATUS[status], message=message, finish_reason=usage)
        elif type(data).__name__ == "HandoffSpanData" and data.to_agent:
            entry.scope.handoff(data.to_agent)
            entry.root.settle(entry.scope.agent_id)  # no handoff begins while a tool waits
        self._end_open_tools(entry)
        if isinstance(begun, Agent | Task):
            begun.end(status, message=message)
        if isinstance(begun, Agent) and entry.parent is not None and entry.parent.parent is None:
            entry.root.ending = (status, message)
        if entry.parent is None:
            self._end_root(entry.root, span.trace_id, status, message)

    def _end_tool(
        self, entry: Entry, tool: Tool, data: Any, status: str, message: str | None
    ) -> None:
        silent = data.output is None and data.input is not None
        if silent and status == "succeeded" and not entry.started:
            entry.root.unclear.append(tool)
            return
        tool.result(data.output)
        tool.end(STATUS[status], message=entry.error or message)

    def _end_open_tools(self, entry: Entry) -> None:
        """End the tools that are open when their caller ends: the caller was cancelled."""
        for each in entry.tools:
            self._report(each)
            if isinstance(each.begun, Tool):
                each.begun.end("cancelled")

    def _end_root(self, root: Root, trace: str, status: str, message: str | None) -> None:
        """End the run, unless a tool waits for approval: then the same trace continues the run."""
        for tool in root.waiting:
            tool.end("cancelled")  # it was refused
        if status == "succeeded":
            status, message = root.ending
        if root.unclear and status == "succeeded":
            for tool in root.unclear:
                tool.progress(message=WAITING)
            tools = root.unclear
            self._waiting.put(trace, Pause(root.run, root.owned, tools, list(tools)))
            return
        for tool in root.unclear:
            tool.end("cancelled")
        if root.owned:
            root.run.end(status, message=message)

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        """Record that the call really runs. The SDK calls this hook."""
        if entry := self._entries.get(getattr(get_current_span(), "span_id", "")):
            entry.started = True

    @quiet
    def tool_error(self, args: Any) -> None:
        """Record an error's text, for ``RunConfig(tool_error_formatter=…)``. Changes nothing."""
        entry = self._entries.get(getattr(get_current_span(), "span_id", ""))
        if entry is not None and args.error is not None:
            entry.error = text_of(args.error)

    def on_trace_start(self, trace: Any) -> None:
        """Do nothing: it comes once per process and trace and at a pause, not once per run."""

    on_trace_end = on_trace_start

    def shutdown(self) -> None:
        """Do nothing: the reporter sends and ends by itself."""

    force_flush = shutdown


def _text(error: Any) -> str:
    data = error.get("data") or {}
    more = data.get("error") or data.get("tool_name")
    return (f"{error.get('message')}: {more}" if more else str(error.get("message")))[:500]


def _usage(call: LLM, data: Any) -> str | None:
    """Report texts and tokens of the call, and return why it finished."""
    response = getattr(data, "response", None)
    if text := captured(call, getattr(data, "input", None)):
        call.input(text)  # the SDK's model sets it after the span's start
    answer = getattr(data, "output", None) or getattr(response, "output", None)
    call.result(captured(call, answer))
    usage = getattr(response, "usage", None) or getattr(data, "usage", None)
    details = _of(usage, "input_tokens_details")
    call.usage(
        input=_of(usage, "input_tokens"),
        output=_of(usage, "output_tokens"),
        cached=_of(details, "cached_tokens"),
        cache_write=_of(details, "cache_write_tokens"),
        reasoning=_of(_of(usage, "output_tokens_details"), "reasoning_tokens"),
        model=getattr(response, "model", None),
    )
    return getattr(response, "status", None)


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
