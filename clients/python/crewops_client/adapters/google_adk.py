"""Google ADK: ``Runner(…, plugins=[CrewOps("release-crew")])``.

With ``CrewOps("release-crew", approvals=True)`` each call of a tool that an approval rule matches
waits for a person.

An invocation is a run. ADK does not always call the callback that ends a run or an agent. An
exception skips ``after_agent`` and ``after_run``. A cancellation skips all callbacks that end a
run. So the run also ends if the asyncio task that it began in is cancelled or fails. The task may
end well before the run does: a program can read each event in a task of its own.

Before an agent, a model call or a tool begins, the plugin waits while a user has paused the run,
and raises `Cancelled` if a user has cancelled it.
"""

import asyncio
import sys
from functools import partial
from itertools import chain
from typing import Any

from .. import context
from ..calls import LLM, STATUS
from ..controls import Cancelled
from ..scope import Agent, Scope, outcome, text_of
from ..tools import Tool
from . import gate
from .common import callback, captured, new_run, quiet
from .google_adk_controls import at_start, waiting_callback
from .google_adk_entries import Entry, end_call, key_of
from .waiting import WAITING, Pause, Waiting

try:
    from google.adk.plugins.base_plugin import BasePlugin
except ImportError:  # tests replay recorded sequences without it
    BasePlugin = type("BasePlugin", (), {"__init__": lambda self, name: None})  # type: ignore

TRANSFER = "transfer_to_agent"
CONFIRMATION = "requires confirmation"
AFTER_S = 1.0  # after a cancellation: `after_run` still comes if the caller only stopped reading


class CrewOps(BasePlugin):
    """One plugin serves any number of invocations. Within `crewops.run` these join that run."""

    def __init__(self, crew: str, *, name: str | None = None, approvals: bool = False) -> None:
        super().__init__(name="crewops")
        self._approvals = approvals
        self._crew = crew
        self._title = name
        self._entries: dict[str, Entry] = {}
        self._paused: Waiting[Entry] = Waiting()  # by session

    @callback
    def before_run_callback(self, invocation_context: Any) -> None:
        session = invocation_context.session.id
        around: Scope | None = context.current()
        if (pause := self._paused.pop(session)) is not None:
            entry = Entry(pause.run, pause.state.around, pause.owned, session)
            entry.waiting, entry.held = pause.state.waiting, pause.state.held
        elif around is not None:
            entry = Entry(around.run, around, False, session)
        else:
            name = self._title or invocation_context.app_name
            run = new_run(self._crew, name, "google-adk").start()
            entry = Entry(run, run, True, session)
        self._entries[invocation_context.invocation_id] = entry
        if (task := asyncio.current_task()) is not None:
            ended = partial(self._task_ended, entry)
            task.add_done_callback(ended)
            entry.unwatch = partial(task.remove_done_callback, ended)

    @callback
    def after_run_callback(self, invocation_context: Any) -> None:
        self._end(self._entries.get(invocation_context.invocation_id), "succeeded")

    @callback
    def on_run_error_callback(self, invocation_context: Any, error: BaseException) -> None:
        entry = self._entries.get(invocation_context.invocation_id)
        self._end(entry, outcome(error), text_of(error))

    def _task_ended(self, entry: Entry, task: Any) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._end(entry, outcome(error), text_of(error))

    @quiet
    def _end(self, entry: Entry | None, status: str, message: str | None = None) -> None:
        """End the invocation. Only the first end has an effect."""
        if entry is None or entry not in self._entries.values():
            return
        self._entries = {id: each for id, each in self._entries.items() if each is not entry}
        entry.unwatch()
        ended = status if status != "succeeded" else "cancelled"  # of calls without an end
        for begun in (*entry.calls.values(), *entry.tools.values()):
            begun.end(STATUS[ended])
        for agent in chain(*entry.agents.values()):
            agent.end(status)
        parts = [*entry.waiting.values(), *entry.held.values()]
        if status == "succeeded" and entry.waiting:
            self._paused.put(entry.session, Pause(entry.run, entry.owned, entry, parts))
            return
        for left in parts:
            left.end("cancelled")
        if entry.owned:
            entry.run.end(status, message=message)

    @waiting_callback
    def before_agent_callback(self, agent: Any, callback_context: Any) -> None:
        entry = self._entries[callback_context.invocation_id]
        parent, above = entry.around.agent_id, getattr(agent, "parent_agent", None)
        while above is not None:
            if above.name in {each.agent_id for each in chain(*entry.agents.values())}:
                parent = above.name
                break
            above = getattr(above, "parent_agent", None)
        begun = entry.held.pop(agent.name, None)
        begun = begun or Agent(entry.run, agent.name, agent.name, None, parent)
        entry.agents.setdefault(key_of(callback_context, agent.name), []).append(begun)

    @callback
    def after_agent_callback(self, agent: Any, callback_context: Any) -> None:
        """End the agent. ADK also calls this while a cancellation propagates."""
        error = sys.exc_info()[1]
        self._end_agent(agent, callback_context, error)
        entry = self._entries.get(callback_context.invocation_id)
        if entry and outcome(error) == "cancelled" and not any(entry.agents.values()):
            loop = asyncio.get_running_loop()
            loop.call_later(AFTER_S, self._end, entry, "cancelled", text_of(error))

    @callback
    def on_agent_error_callback(self, agent: Any, callback_context: Any, error: Any) -> None:
        self._end_agent(agent, callback_context, error)

    def _end_agent(self, agent: Any, callback_context: Any, error: BaseException | None) -> None:
        entry = self._entries[callback_context.invocation_id]
        key = key_of(callback_context, agent.name)
        call, same = entry.calls.pop(key, None), entry.agents.get(key)
        if call is not None:
            call.end(STATUS[outcome(error)] if error else "cancelled")
        if not same:
            return
        begun = same.pop()
        if error is None and any(tool.agent_id == agent.name for tool in entry.waiting.values()):
            entry.held[agent.name] = begun
        else:
            begun.end(outcome(error), message=text_of(error) if error else None)

    @waiting_callback
    def before_model_callback(self, callback_context: Any, llm_request: Any) -> None:
        entry, scope = self._here(callback_context)
        provider, _, model = (llm_request.model or "unknown").rpartition("/")
        provider = provider or ("google" if model.startswith("gemini") else "unknown")
        text = captured(scope, getattr(llm_request, "contents", None))
        call = LLM(entry.run, scope.agent_id, scope.task_id, provider, model, text)
        entry.calls[key_of(callback_context)] = call

    @callback
    def after_model_callback(self, callback_context: Any, llm_response: Any) -> None:
        """Report a piece of a streamed answer, or the end of the answer."""
        entry, key = self._entries[callback_context.invocation_id], key_of(callback_context)
        call = entry.calls.get(key)
        if call is None:
            return
        if getattr(llm_response, "partial", None):
            parts = getattr(getattr(llm_response, "content", None), "parts", None) or []
            call.output("".join(getattr(part, "text", None) or "" for part in parts))
            return
        del entry.calls[key]
        end_call(call, llm_response)

    @callback
    def on_model_error_callback(self, callback_context: Any, error: Any, **_: Any) -> None:
        entry = self._entries[callback_context.invocation_id]
        if call := entry.calls.pop(key_of(callback_context), None):
            call.end(STATUS[outcome(error)], message=text_of(error))

    async def before_tool_callback(self, *, tool: Any, tool_args: Any, tool_context: Any) -> Any:
        """Wait like `before_agent_callback`, and if `approvals` is set for a person.

        Return a result only for a call that must not begin.
        """
        entry = self.invocation(tool_context)
        await at_start(entry)
        if self._approvals:
            try:
                _, scope = self._here(tool_context)
                await gate.wait_async(scope, tool.name, tool_args)
            except Cancelled:
                raise
            except Exception as error:
                text = gate.reason(tool.name, error)
                if entry is not None:
                    entry.refuse(tool_context.function_call_id, text)
                return {"error": text}
        self._tool_begins(tool, tool_args, tool_context)
        return None

    @quiet
    def _tool_begins(self, tool: Any, tool_args: Any, tool_context: Any) -> None:
        entry, scope = self._here(tool_context)
        id = tool_context.function_call_id
        begun = entry.waiting.pop(id, None)  # it was approved, or refused
        if begun is None:
            begun = Tool(entry.run, scope.agent_id, scope.task_id, tool.name, tool_args)
        entry.tools[id] = begun.__enter__()  # so an agent that the tool calls is below it

    @callback
    def after_tool_callback(self, tool: Any, tool_context: Any, result: Any, **given: Any) -> None:
        refused = self._entries[tool_context.invocation_id].refused
        if tool_context.function_call_id in refused:
            refused.remove(tool_context.function_call_id)
            return
        entry, scope, begun = self._called(tool, tool_context, given["tool_args"])
        text = result.get("error") if isinstance(result, dict) and len(result) == 1 else None
        if isinstance(text, str) and CONFIRMATION in text:
            begun.progress(message=WAITING)
            entry.waiting[tool_context.function_call_id] = begun
            return
        begun.result(result)
        begun.end("error" if text else "success", message=str(text) if text else None)
        if tool.name == TRANSFER and not text and (target := given["tool_args"].get("agent_name")):
            scope.handoff(str(target))

    @callback
    def on_tool_error_callback(
        self, tool: Any, tool_context: Any, error: Any, **given: Any
    ) -> None:
        """End the call. It may be a cancelled one, or one of a tool that does not exist."""
        _, _, begun = self._called(tool, tool_context, given["tool_args"])
        begun.end(STATUS[outcome(error)], message=text_of(error))

    def _called(self, tool: Any, own: Any, params: Any) -> tuple[Entry, Scope, Tool]:
        """Return a call that has ended. It never began if another plugin answered for the tool."""
        entry, scope = self._here(own)
        begun = entry.tools.pop(own.function_call_id, None)
        begun = begun or Tool(entry.run, scope.agent_id, scope.task_id, tool.name, params)
        context.leave(begun._token)
        return entry, scope, begun

    def invocation(self, own: Any) -> Entry | None:
        return self._entries.get(own.invocation_id)

    def _here(self, own: Any) -> tuple[Entry, Scope]:
        entry = self._entries[own.invocation_id]
        return entry, entry.caller(own)
