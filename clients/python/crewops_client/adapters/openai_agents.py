"""OpenAI Agents SDK: ``add_trace_processor(CrewOps("release-crew"))``.

Spans give the structure. A span does not say how it ended, but it ends while the exception
propagates, so `sys.exc_info` has the exception. A tool's span gets its arguments just after its
start, so the tool is reported in the next turn of the event loop. Two facts are not in the spans:
whether a tool has run, and the text of its error. For these, pass the same object as `hooks`, and
its `tool_error` as `tool_error_formatter`.

As `hooks` the object also waits while a user has paused the run, before an agent, a model call or a
tool begins, and raises `Cancelled` if a user has cancelled the run. Its `approval` is a guardrail
for tools: an approval rule that matches a call makes the call wait for a person.
"""

import sys
from collections.abc import Callable
from typing import Any

from .. import context
from ..calls import LLM, STATUS
from ..scope import Agent, Task, outcome, text_of
from ..tools import Tool
from . import openai_agents_controls as controls
from .common import arguments_of, new_run, quiet, soon
from .openai_agents_approvals import guardrail
from .openai_agents_open_spans import Entry, Root
from .openai_agents_values import error_of, usage_of
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
        self._waiting: Waiting[Root] = Waiting()  # by trace
        self.approval = guardrail(self._here, quiet(self._ready))

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
        pause = self._waiting.pop(span.trace_id)
        around = context.current()
        if pause is not None:
            tools, held = pause.state.unclear, pause.state.held
            return Entry(pause.run, Root(pause.run, pause.owned, waiting=tools, held=held))
        if around is not None:
            return Entry(around, Root(around.run, owned=False))
        if kind not in ("task", "agent"):
            return None
        name = self._name or span.span_data.name
        run = new_run(self._crew, name, "openai-agents").start()
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
            self._ready(entry, span.span_data)

    def _ready(self, entry: Entry, data: Any = None) -> None:
        if not entry.will_wait:
            self._report(entry, data)

    def _report(self, entry: Entry, data: Any = None) -> None:
        if entry.pending is None or entry.waits:
            return
        data, entry.pending = data or entry.pending, None
        scope, given = entry.scope, arguments_of(data.input)
        tool = entry.root.approved(data.name, given)
        tool = tool or Tool(scope.run, scope.agent_id, scope.task_id, data.name, given)
        entry.begun = entry.scope = tool

    def _begin_generation(self, entry: Entry, data: Any) -> None:
        scope, model = entry.scope, getattr(data, "model", None)
        # The program may make other calls of the SDK in this one before its first hook.
        if not entry.root.hooked and entry.agents == 1:
            controls.without_hooks(scope.run, entry.root.owned)
        entry.root.refuse(scope.agent_id)
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
        elif entry.cancelled and isinstance(entry.begun, Tool):  # the SDK hides it from the caller
            status, message = "cancelled", entry.cancelled
        elif span.error:
            status, message = "failed", error_of(span.error)
        begun = entry.begun
        if entry.parent is not None and entry in entry.parent.tools:
            entry.parent.tools.remove(entry)
        if isinstance(begun, Tool):
            self._end_tool(entry, begun, data, status, message)
        elif isinstance(begun, LLM):
            usage = quiet(usage_of)(begun, data)
            begun.end(STATUS[status], message=message, finish_reason=usage)
        elif type(data).__name__ == "HandoffSpanData" and data.to_agent:
            entry.scope.handoff(data.to_agent)
            entry.root.settle(entry.scope.agent_id)  # no handoff begins while a tool waits
        self._end_open_tools(entry)
        entry.root.release()
        if isinstance(begun, Agent | Task):
            entry.root.end(begun, entry.unclear, status, message)
        if status == "cancelled" and entry.root.run.stop_requested and entry.parent is not None:
            entry.parent.cancelled = message
        if isinstance(begun, Agent) and entry.parent is not None and entry.parent.parent is None:
            entry.root.ending = (status, message)
        if entry.parent is None:
            self._end_root(entry.root, span.trace_id, status, message)

    def _end_tool(
        self, entry: Entry, tool: Tool, data: Any, status: str, message: str | None
    ) -> None:
        silent = data.output is None and data.input is not None
        if silent and status == "succeeded" and not entry.started:
            entry.leave_unclear(tool)
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
        root.release()
        if status == "succeeded":
            status, message = root.ending
        if root.unclear and status == "succeeded":
            for tool in root.unclear:
                tool.progress(message=WAITING)
            self._waiting.put(trace, Pause(root.run, root.owned, root, root.stopped()))
            return
        for tool in root.unclear:
            tool.end("cancelled")
        root.release()
        if root.owned:
            root.run.end(status, message=message)

    def _here(self) -> Entry | None:
        return self._entries.get(getattr(get_current_span(), "span_id", ""))

    async def on_agent_start(self, *given: Any) -> None:
        """Wait while the run is paused. Raises `Cancelled` after a cancel. The SDK calls this."""
        await self._begins(self._here())

    async def on_llm_start(self, *given: Any) -> None:
        await self._begins(self._here())

    async def on_tool_start(self, *given: Any) -> None:
        """Wait like `on_agent_start`. After this the call really runs."""
        entry = self._here()
        if entry is None:
            return await self._begins(None)
        entry.waits = True
        await self._begins(entry)
        entry.waits, entry.started = False, True
        return quiet(self._report)(entry)

    async def _begins(self, entry: Entry | None) -> None:
        run = context.current_run()
        if entry is not None:
            entry.hooked = entry.root.hooked = True
            run = entry.root.run
            run.controls.unable = ""
        if run is not None:
            await controls.at_start(run)

    @quiet
    def tool_error(self, args: Any) -> None:
        """Record an error's text, for ``RunConfig(tool_error_formatter=…)``. Changes nothing."""
        entry = self._here()
        if entry is not None and args.error is not None:
            entry.error = text_of(args.error)

    def on_trace_start(self, trace: Any) -> None:
        """Do nothing: it comes once per process and trace and at a pause, not once per run."""

    on_trace_end = on_trace_start

    def shutdown(self) -> None:
        """Do nothing: the reporter sends and ends by itself."""

    force_flush = shutdown
