"""LangChain and LangGraph: ``graph.invoke(…, config={"callbacks": [CrewOps("release-crew")]})``.

The call of a graph is a run, an agent with a name is an agent, and a node is a task. The handler
works for invoke, stream, their async forms, and sub-agents called in tools. It was tried with the
versions in docs/integrations.
"""

from functools import partial
from typing import Any
from uuid import UUID

from .. import context
from ..calls import LLM
from ..controls import in_event_loop
from ..scope import Agent, Scope, Task, outcome, text_of
from ..tools import Tool
from .common import captured, named, quiet
from .langchain_entries import Begun, Entry, Hidden, Root, new_run
from .langchain_starts import Start
from .langchain_values import answered, found, is_update, shown
from .waiting import WAITING, Pause, Waiting

try:
    from langchain_core.callbacks import BaseCallbackHandler
except ImportError:  # tests replay recorded sequences without it
    BaseCallbackHandler = object  # type: ignore[assignment,misc]

INTERRUPTS = ("GraphInterrupt", "GraphBubbleUp")
NO_THREAD = "The run waits for a person, but has no thread to resume it with."


class CrewOps(BaseCallbackHandler):
    """One handler serves any number of calls, also at the same time.

    Within `crewops.run` a call joins that run.
    """

    run_inline = True  # it keeps the order of the calls
    raise_error = True  # the methods raise nothing but `Cancelled`

    def __init__(self, crew: str, *, name: str | None = None) -> None:
        self._crew = crew
        self._name = name
        self._entries: dict[UUID | None, Entry] = {}
        self._hidden = Hidden()
        self._waiting: Waiting[Begun] = Waiting()  # by the thread of the conversation

    def scope_of(self, run_id: Any) -> Scope | None:
        """Return the scope of the LangChain run with this id, or None."""
        return entry.scope if (entry := self._entries.get(run_id)) else None

    def entry_of(self, run_id: Any) -> Entry | None:
        return self._entries.get(run_id)

    def _add(self, run_id: UUID, above: UUID | None, **root: Any) -> Entry | None:
        """Add and return an entry, or None for a call that is not shown."""
        if above in self._hidden:
            self._hidden.add(run_id)
            return None
        parent = self._entries.get(above)
        if parent is None:
            entry = self._root(**root)
        else:
            entry = Entry(parent.scope, parent.agent, parent.root, parent)
            parent.below[run_id] = entry
        self._entries[run_id] = entry
        return entry

    def _root(self, thread: Any = None, name: str | None = None, **how: Any) -> Entry:
        pause = self._waiting.pop(thread)
        around = context.current()
        if pause is not None:
            scope: Scope = pause.run
            root = Root(pause.run, pause.owned, thread, resumed=pause.state)
        elif around is not None:
            scope, root = around, Root(around.run, False, thread)
        else:
            scope = new_run(self._crew, self._name or name, **how)
            root = Root(scope, True, thread)
        root.can_wait = how.get("is_awaited", False) or not in_event_loop()
        return Entry(scope, None, root)

    def _begin(self, entry: Entry, key: tuple[str, ...], make: Any) -> Any:
        """Return the object that was paused under this key, or else a new one from `make`."""
        begun = entry.root.resumed.pop(key, None) or make()
        entry.begun[key] = begun
        return begun

    def _pop(self, run_id: UUID) -> Entry | None:
        """Remove and return the entry of a call that has ended."""
        self._hidden.discard(run_id)
        entry = self._entries.pop(run_id, None)
        if entry is not None and entry.above is not None:
            entry.above.below.pop(run_id, None)
        return entry

    @Start
    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, is_awaited: bool, **about: Any
    ) -> None:
        metadata, name = about.get("metadata") or {}, about.get("name")
        above, thread = about.get("parent_run_id"), metadata.get("thread_id")
        if above is None and is_update(name, metadata):
            self._hidden.add(run_id)
            return
        entry = self._add(run_id, above, thread=thread, name=name, is_awaited=is_awaited)
        if entry is None:
            return
        scope = entry.scope
        agent, node = metadata.get("lc_agent_name"), metadata.get("langgraph_node")
        if agent and agent != entry.agent:
            key = ("agent", agent)
            make = partial(Agent, scope.run, agent, agent, None, scope.agent_id)
            entry.scope, entry.agent = self._begin(entry, key, make), agent
        elif node and name == node and entry.above is not None:
            key = ("task", metadata.get("langgraph_checkpoint_ns") or node)
            task = partial(Task, scope.run, scope.agent_id, node, None, scope.task_id)
            entry.scope = self._begin(entry, key, task)

    @quiet
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._pop(run_id)
        if entry is not None:
            self._end(entry, "succeeded", None)

    @quiet
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._pop(run_id)
        if entry is None:
            return
        if named(error, *INTERRUPTS):
            self._pause(entry)
        else:
            self._end(entry, outcome(error), text_of(error))

    def _end(self, entry: Entry, status: str, message: str | None) -> None:
        root, is_root = entry.root, entry.above is None
        if is_root and status == "succeeded" and root.paused:
            return self._pause(entry)
        for run_id, left in entry.all_below():  # LangChain does not report all cancellations
            self._pop(run_id)
            self._hidden.add(run_id)
            left.end("cancelled", None)
        if is_root:
            for part in [*root.resumed.values(), *root.paused.values()]:
                part.end("cancelled")  # it was paused and not resumed
        entry.end(status, message)
        if is_root and root.owned:
            root.run.end(status, message=message)

    def _pause(self, entry: Entry) -> None:
        """Pause the entry: it waits for a person, until a call with the same thread resumes it."""
        root = entry.root
        root.paused.update(entry.begun)
        if entry.above is not None:
            return
        if root.thread is None:  # nothing can resume it
            self._end(entry, "cancelled", NO_THREAD)
        else:
            parts = root.paused | root.resumed
            self._waiting.put(root.thread, Pause(root.run, root.owned, parts, parts.values()))

    @Start
    def on_tool_start(
        self, serialized: Any, input_str: str, *, run_id: UUID, is_awaited: bool, **about: Any
    ) -> None:
        entry = self._add(run_id, about.get("parent_run_id"), is_awaited=is_awaited)
        if entry is None:
            return
        name = (serialized or {}).get("name") or "tool"
        params = shown(about.get("inputs"), input_str)
        key = ("tool", str(about.get("tool_call_id") or run_id))
        scope = entry.scope
        tool = partial(Tool, scope.run, scope.agent_id, scope.task_id, name, params)
        entry.scope = self._begin(entry, key, tool)

    @quiet
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._pop(run_id)
        if entry is None or not isinstance(entry.scope, Tool):
            return
        content = getattr(output, "content", output)
        failed = getattr(output, "status", "success") == "error"
        entry.scope.result(content)
        self._end(entry, "failed" if failed else "succeeded", str(content) if failed else None)

    @quiet
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._pop(run_id)
        if entry is None:
            return
        if isinstance(entry.scope, Tool) and named(error, *INTERRUPTS):
            entry.scope.progress(message=WAITING)
            self._pause(entry)
        else:
            self._end(entry, outcome(error), text_of(error))

    @Start
    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, **about: Any
    ) -> None:
        above, how = about.get("parent_run_id"), {"begins_others": False}
        entry = self._add(run_id, above, is_awaited=about["is_awaited"], **how)
        if entry is None:
            return
        given = about.get("invocation_params") or {}
        metadata = about.get("metadata") or {}
        scope = entry.scope
        names = (serialized or {}).get("id") or ["unknown"]
        provider = metadata.get("ls_provider") or given.get("_type") or names[-1]
        model = metadata.get("ls_model_name") or given.get("model") or given.get("model_name")
        text = captured(scope, messages)
        place = (scope.run, scope.agent_id, scope.task_id)
        entry.call = LLM(*place, provider, model or "unknown", text)

    on_llm_start = on_chat_model_start  # text models get prompts instead of messages

    @quiet
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._entries.get(run_id)
        if entry is not None and entry.call is not None:
            entry.call.output(token if isinstance(token, str) else "")

    @quiet
    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._pop(run_id)
        if entry is None or entry.call is None:
            return
        entry.call.end(finish_reason=answered(entry.call, response))
        self._end(entry, "succeeded", None)

    @quiet
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        if (entry := self._pop(run_id)) is not None:
            self._end(entry, outcome(error), text_of(error))

    @Start
    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: UUID, **kwargs: Any
    ) -> None:
        name = kwargs.get("name") or (serialized or {}).get("name") or "retriever"
        about = {key: kwargs.get(key) for key in ("parent_run_id", "is_awaited")}
        CrewOps.on_tool_start.report(self, {"name": name}, query, run_id=run_id, **about)

    @quiet
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.on_tool_end(found(documents), run_id=run_id)

    on_retriever_error = on_tool_error
