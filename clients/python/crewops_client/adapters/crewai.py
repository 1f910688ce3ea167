"""CrewAI: make one ``CrewOps("release-crew")`` when the program starts.

With ``CrewOps("release-crew", approvals=True)`` each call of a tool that an approval rule matches
waits for a person.

The bus calls plain functions from several threads, in any order. It calls coroutines from one
thread, in the order of the events and in the context of the code that emitted them. So the handler
here is a coroutine.
"""

from functools import partial
from typing import Any

from .. import context
from ..calls import LLM, STATUS
from ..controls import in_event_loop
from ..runs import Run
from ..scope import Agent, Task
from ..tools import Tool
from .common import captured, new_run, quiet
from .crewai_approvals import Gate
from .crewai_controls import Steering
from .crewai_entries import Entries, Entry, kinds_of, outcome_of, role_of, usage_of

try:
    from crewai import events
    from crewai.events import crewai_event_bus as bus
    from crewai.events import event_types
except ImportError:  # tests replay recorded sequences without it
    events = bus = event_types = None  # type: ignore[assignment]

BLOCKED = "Tool execution blocked by hook"
FLUSH_S = 2.0


class CrewOps:
    """One listener serves all crews of the process. Within `crewops.run` these join that run."""

    def __init__(self, crew: str, *, name: str | None = None, approvals: bool = False) -> None:
        self._crew = crew
        self._name = name
        self._entries = Entries()
        self._calls: dict[str, LLM] = {}
        self._kinds = kinds_of(events, event_types) if bus is not None else []
        for kind in self._kinds:
            bus.on(kind)(self._handle)
        self._steering = Steering(self._entries, self.entry_of, gated=approvals)
        self._gate = Gate(self.entry_of) if approvals else None

    def close(self) -> None:
        """Stop listening."""
        _flush()
        for kind in self._kinds:
            bus.off(kind, self._handle)
        self._steering.close()
        if self._gate is not None:
            self._gate.close()

    def entry_of(self, event_id: str | None) -> Entry | None:
        """Return the entry of this event, or None, after the bus has handled all events so far.

        Code in the thread of an event loop does not wait for the bus.
        """
        if not in_event_loop():
            _flush()
        return self._entries.get(event_id or "")

    async def _handle(self, source: Any, event: Any) -> None:
        self.on_event(event)

    @quiet
    def on_event(self, event: Any) -> None:
        handle = getattr(self, f"_{event.type}", None)
        if handle is not None:
            handle(event)

    def _begin(self, event: Any) -> Entry:
        """Add and return an entry: below the entry of the parent event, or else a root."""
        parent = self._entries.get(event.parent_event_id or "")
        if parent is not None:
            entry = Entry(parent.scope, task=parent.task, above=parent)
        else:
            around = context.current()
            if around is not None:
                around.run.before_end(_flush)
                entry = Entry(around)
            else:
                name = getattr(event, "crew_name", None) or getattr(event, "flow_name", None)
                name = self._name or name
                run = new_run(self._crew, name, "crewai").start()
                entry = Entry(run, own=run)
        self._entries[event.event_id] = entry
        return entry

    def _finish(self, event: Any, *kinds: type) -> Entry | None:
        """Remove and return the entry that the event ends. Return None for a refused call."""
        entry = self._entries.pop_ended(event, *kinds)
        if entry is None:
            return None
        if self._gate is not None and self._gate.has_refused(event.started_event_id):
            entry.end_run("cancelled")
            return None
        entry.start_tool()  # if no gate has seen it
        return entry

    def _crew_kickoff_started(self, event: Any) -> None:
        entry = self._begin(event)
        entry.begun = entry.own

    def _crew_kickoff_completed(self, event: Any) -> None:
        """End the run with its outermost crew or flow. An agent's own flow does not end the run."""
        if (entry := self._finish(event, Run)) is not None:
            entry.end_run(*outcome_of(event, entry.scope.run))

    _flow_started = _method_execution_started = _crew_kickoff_started
    _crew_kickoff_failed = _crew_kickoff_completed
    _flow_finished = _method_execution_finished = _crew_kickoff_completed
    _flow_failed = _method_execution_failed = _crew_kickoff_completed

    def _task_started(self, event: Any) -> None:
        entry = self._begin(event)
        task, scope = event.task, entry.scope
        role = role_of(getattr(task, "agent", None))
        name = getattr(task, "name", None) or getattr(task, "description", None) or "Task"
        begun = Task(scope.run, role or scope.agent_id, name.strip()[:100], None, scope.task_id)
        entry.begun = entry.scope = begun
        entry.task = entry

    def _task_completed(self, event: Any) -> None:
        entry = self._finish(event, Task)
        if entry is not None and isinstance(entry.begun, Task):
            status, message = outcome_of(event, entry.scope.run)
            if entry.agent is not None:
                entry.agent.end(status, message=message)
            entry.begun.end(status, message=message)
            entry.end_run(status, message)

    _task_failed = _task_completed

    def _agent_execution_started(self, event: Any) -> None:
        self._start_agent(event, role_of(event.agent) or "agent")

    def _lite_agent_execution_started(self, event: Any) -> None:
        self._start_agent(event, str(event.agent_info.get("role") or "agent"))

    def _start_agent(self, event: Any, role: str) -> None:
        entry = self._begin(event)
        scope = entry.scope
        task = entry.task if isinstance(scope, Task) else None
        if task is not None and task.agent is not None and task.agent.agent_id == role:
            agent = task.agent  # a retry after an error
        else:
            parent = scope.agent_id if scope.agent_id != role else None
            agent = Agent(scope.run, role, role, None, parent)
        if task is not None:
            task.agent = agent
            agent.task_id = scope.task_id  # its tools and model calls belong to the task
        if entry.begun is None:
            entry.begun = agent
        entry.agent, entry.scope = agent, agent

    def _agent_execution_completed(self, event: Any) -> None:
        entry = self._finish(event, Agent)
        if entry is not None and entry.agent is not None:
            entry.agent.end()
            entry.end_run()

    def _agent_execution_error(self, event: Any) -> None:
        entry = self._finish(event, Agent)
        if entry is None or entry.agent is None:
            return
        status, message = outcome_of(event, entry.scope.run)
        if entry.task is not None and entry.task.agent is entry.agent and status == "failed":
            entry.agent.error(message)  # CrewAI may retry it: the task's end decides
        else:
            entry.agent.end(status, message=message)
        entry.end_run(status, message)

    _lite_agent_execution_completed = _agent_execution_completed
    _lite_agent_execution_error = _agent_execution_error

    def _tool_usage_started(self, event: Any) -> None:
        entry = self._begin(event)
        scope, args = entry.scope, event.tool_args
        params = args if isinstance(args, dict) else {"input": args}
        name, place = event.tool_name, (scope.run, scope.agent_id, scope.task_id)
        entry.held = partial(Tool, *place, name, params)
        may_begin = self._gate.has_passed(event) if self._gate else not scope.run.controls.paused
        if may_begin:
            entry.start_tool()

    def _tool_usage_finished(self, event: Any) -> None:
        entry = self._finish(event, Tool)
        if entry is None or not isinstance(entry.begun, Tool):
            return
        text = str(event.output)
        if event.failure is None and text.startswith(BLOCKED):
            entry.begun.end("cancelled", message=text)  # it has not run
            entry.end_run("cancelled", text[:500])
            return
        entry.begun.result(text)
        message = text[:500] if event.failure is not None else None
        entry.begun.end("error" if message is not None else "success", message=message)
        entry.end_run("failed" if message is not None else "succeeded", message)

    def _tool_usage_error(self, event: Any) -> None:
        entry = self._finish(event, Tool)
        if entry is not None and isinstance(entry.begun, Tool):
            status, message = outcome_of(event, entry.scope.run)
            entry.begun.end(STATUS[status], message=message)
            entry.end_run(status, message)

    def _llm_call_started(self, event: Any) -> None:
        parent = self._entries.get(event.parent_event_id or "")
        scope = parent.scope if parent is not None else context.current()
        if scope is None:
            return  # a model that is called outside of crews and runs
        provider, _, model = (event.model or "unknown").rpartition("/")
        text = captured(scope, event.messages)
        call = LLM(scope.run, scope.agent_id, scope.task_id, provider or "unknown", model, text)
        self._calls[event.call_id] = call

    def _llm_stream_chunk(self, event: Any) -> None:
        if call := self._calls.get(event.call_id):
            call.output(event.chunk or "")

    def _llm_call_completed(self, event: Any) -> None:
        call = self._calls.pop(event.call_id, None)
        if call is not None:
            call.result(getattr(event, "response", None))
            call.usage(**usage_of(event.usage or {}))
            call.end(finish_reason=event.finish_reason)

    def _llm_call_failed(self, event: Any) -> None:
        if call := self._calls.pop(event.call_id, None):
            status, _ = outcome_of(event, call.run)
            call.end(STATUS[status], message=str(event.error))


def _flush() -> None:
    """Wait until the bus has handled its events, so that they come before the run's end."""
    if bus is not None:
        bus.flush(FLUSH_S)
