"""LangChain and LangGraph: ``graph.invoke(…, config={"callbacks": [CrewOps("release-crew")]})``.

The call of a graph is a run, an agent with a name is an agent, and a node is a task. The handler
works for invoke, stream, their async forms, and sub-agents called in tools. It was tried with the
versions in docs/integrations.
"""

from functools import partial
from typing import Any
from uuid import UUID

from .. import context, reporter
from ..calls import LLM, STATUS
from ..runs import Run
from ..scope import Scope, Task, outcome, text_of
from ..tools import Tool
from .common import captured, named, quiet
from .langchain_entries import Begun, Entry

try:
    from langchain_core.callbacks import BaseCallbackHandler
except ImportError:  # tests replay recorded sequences without it
    BaseCallbackHandler = object  # type: ignore[assignment,misc]

INTERRUPTS = ("GraphInterrupt", "GraphBubbleUp")
RUN = ("run",)
WAITING = "Waiting for approval."
INJECTED = ("runtime", "state", "store", "config", "callbacks", "run_manager")


class CrewOps(BaseCallbackHandler):
    """One handler serves any number of calls, also at the same time.

    Within `crewops.run` a call joins that run.
    """

    run_inline = True  # it keeps the order of the calls, and no method here waits

    def __init__(self, crew: str, *, name: str | None = None) -> None:
        self._crew = crew
        self._name = name
        self._entries: dict[UUID | None, Entry] = {}
        self._calls: dict[UUID, LLM] = {}
        # Runs that wait for a person, by the thread of their conversation.
        self._waiting: dict[Any, tuple[Run, bool]] = {}
        # By the key of the run: what this call has paused, and what the call before has paused and
        # this call resumes.
        self._paused: dict[str, Begun] = {}
        self._resumed: dict[str, Begun] = {}

    def scope_of(self, run_id: Any) -> Scope | None:
        """Return the scope of the LangChain run with this id, or None."""
        return entry.scope if (entry := self._entries.get(run_id)) else None

    @quiet
    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **about: Any) -> None:
        metadata, name = about.get("metadata") or {}, about.get("name")
        parent = self._entries.get(about.get("parent_run_id"))
        if parent is None:
            parent = entry = self._root(metadata.get("thread_id"), name)
        else:
            entry = Entry(parent.scope, parent.agent)
        self._entries[run_id] = entry
        scope = entry.scope
        agent, node = metadata.get("lc_agent_name"), metadata.get("langgraph_node")
        if agent and agent != parent.agent:
            key = ("agent", agent)
            make = partial(scope.agent, agent, name=agent, parent=scope.agent_id)
            entry.scope, entry.agent = self._begin(entry, key, make), agent
        elif node and name == node and not entry.root:
            key = ("task", metadata.get("langgraph_checkpoint_ns") or node)
            task = partial(Task, scope.run, scope.agent_id, node, None, scope.task_id)
            entry.scope = self._begin(entry, key, task)

    def _root(self, thread: Any, name: str | None) -> Entry:
        waiting = self._waiting.pop(thread, None)
        if waiting is not None:
            run, owned = waiting
            self._resumed[run.key] = self._paused.pop(run.key, {})
        elif (around := context.current()) is not None:
            return Entry(around, None, {}, True, thread)
        else:
            name = self._name or name
            run, owned = Run(reporter.current(), self._crew, name, origin="langchain").start(), True
        return Entry(run, None, {RUN: run} if owned else {}, True, thread)

    def _begin(self, entry: Entry, key: tuple[str, ...], make: Any) -> Any:
        """Return the object that was paused under this key, or else a new one from `make`."""
        waiting = self._resumed.get(entry.scope.run.key, {})
        begun = waiting.pop(key, None) or make()
        entry.begun[key] = begun
        return begun

    @quiet
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._entries.pop(run_id, None)
        if entry is not None:
            self._end(entry, "succeeded", None)

    @quiet
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._entries.pop(run_id, None)
        if entry is None:
            return
        if named(error, *INTERRUPTS):
            self._pause(entry)
        else:
            self._end(entry, outcome(error), text_of(error))

    def _end(self, entry: Entry, status: str, message: str | None) -> None:
        key = entry.scope.run.key
        if entry.root and status == "succeeded" and self._paused.get(key):
            return self._pause(entry)
        if entry.root:
            for left in [*self._resumed.pop(key, {}).values(), *self._paused.pop(key, {}).values()]:
                left.end("cancelled")  # it was paused and not resumed
        for begun in reversed(entry.begun.values()):
            own = STATUS[status] if isinstance(begun, Tool) else status
            begun.end(own, message=message)

    def _pause(self, entry: Entry) -> None:
        """Pause the entry: it waits for a person, until a call with the same thread resumes it."""
        run = entry.scope.run
        paused = {key: each for key, each in entry.begun.items() if each is not run}
        self._paused.setdefault(run.key, {}).update(paused)
        if not entry.root:
            return
        if entry.thread is None:  # nothing can resume it
            message = "The run waits for a person, but has no thread to resume it with."
            self._end(entry, "cancelled", message)
        else:
            self._paused[run.key].update(self._resumed.pop(run.key, {}))
            self._waiting[entry.thread] = (run, RUN in entry.begun)

    @quiet
    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **about: Any) -> None:
        entry = self._child(about.get("parent_run_id"))
        name = (serialized or {}).get("name") or "tool"
        given = about.get("inputs")
        given = given if isinstance(given, dict) else {"input": input_str}
        params = {key: value for key, value in given.items() if key not in INJECTED}
        key = ("tool", str(about.get("tool_call_id") or run_id))
        scope = entry.scope
        tool = partial(Tool, scope.run, scope.agent_id, scope.task_id, name, params)
        entry.scope = self._begin(entry, key, tool)
        self._entries[run_id] = entry

    @quiet
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._entries.pop(run_id, None)
        if entry is None or not isinstance(entry.scope, Tool):
            return
        content = getattr(output, "content", output)
        failed = getattr(output, "status", "success") == "error"
        entry.scope.result(content)
        self._end(entry, "failed" if failed else "succeeded", str(content) if failed else None)

    @quiet
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        entry = self._entries.pop(run_id, None)
        if entry is None:
            return
        if isinstance(entry.scope, Tool) and named(error, *INTERRUPTS):
            entry.scope.progress(message=WAITING)
            self._pause(entry)
        else:
            self._end(entry, outcome(error), text_of(error))

    def _child(self, parent_run_id: UUID | None) -> Entry:
        """Return an entry below the parent. A call without a parent is a run of its own."""
        parent = self._entries.get(parent_run_id)
        return Entry(parent.scope, parent.agent) if parent else self._root(None, None)

    @quiet
    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, **about: Any
    ) -> None:
        given = about.get("invocation_params") or {}
        metadata = about.get("metadata") or {}
        entry = self._entries[run_id] = self._child(about.get("parent_run_id"))
        scope = entry.scope
        names = (serialized or {}).get("id") or ["unknown"]
        provider = metadata.get("ls_provider") or given.get("_type") or names[-1]
        model = metadata.get("ls_model_name") or given.get("model") or given.get("model_name")
        text = captured(scope, messages)
        call = LLM(scope.run, scope.agent_id, scope.task_id, provider, model or "unknown", text)
        self._calls[run_id] = call

    on_llm_start = on_chat_model_start  # text models get prompts instead of messages

    @quiet
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        if call := self._calls.get(run_id):
            call.output(token if isinstance(token, str) else "")

    @quiet
    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        call = self._calls.pop(run_id, None)
        entry = self._entries.pop(run_id, None)
        if call is None or entry is None:
            return
        finish_reason = self._usage(call, response)
        call.end(finish_reason=finish_reason)
        self._end(entry, "succeeded", None)

    @quiet
    def _usage(self, call: LLM, response: Any) -> str | None:
        """Report the answer and its tokens, and return the finish reason.

        This is a method of its own, so that the call ends even if the response is unusual.
        """
        message = getattr(response.generations[0][0], "message", None)
        call.result(captured(call, [message] if message else response.generations[0][0].text))
        usage = getattr(message, "usage_metadata", None) or {}
        about = getattr(message, "response_metadata", None) or {}
        # The answer is from LangChain's cache, which repeats the tokens of the first call.
        if usage.get("total_cost") == 0:
            usage = {"input_tokens": 0, "output_tokens": 0}
        call.usage(
            input=usage.get("input_tokens"),
            output=usage.get("output_tokens"),
            cached=(usage.get("input_token_details") or {}).get("cache_read"),
            reasoning=(usage.get("output_token_details") or {}).get("reasoning"),
            model=about.get("model_name") or about.get("model"),
        )
        return about.get("finish_reason") or about.get("stop_reason")

    @quiet
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        call, entry = self._calls.pop(run_id, None), self._entries.pop(run_id, None)
        if call is not None and entry is not None:
            call.end(STATUS[outcome(error)], message=text_of(error))
            self._end(entry, outcome(error), text_of(error))

    @quiet
    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: UUID, **kwargs: Any
    ) -> None:
        name = kwargs.get("name") or (serialized or {}).get("name") or "retriever"
        parent = kwargs.get("parent_run_id")
        self.on_tool_start({"name": name}, query, run_id=run_id, parent_run_id=parent)

    @quiet
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.on_tool_end(f"{len(documents)} documents", run_id=run_id)

    on_retriever_error = on_tool_error
