"""`Scope`, the base class of runs, agents, tasks, tools and model calls; `Agent` and `Task`."""

import itertools
import time
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import context
from .controls import in_event_loop
from .encoding import identifier
from .outcomes import outcome, text_of

if TYPE_CHECKING:
    from .calls import LLM
    from .runs import Run
    from .tools import Tool

S = TypeVar("S", bound="Scope")
_instances = itertools.count(1)


class Scope:
    """A place in a run that agents, tasks, tools and model calls can be in."""

    _waits = True  # whether its block is entered only after a pause of the run
    __slots__ = (
        "__weakref__",
        "_began",
        "_ended",
        "_entered_by",
        "_token",
        "agent_id",
        "run",
        "task_id",
    )

    def __init__(self, run: "Run", agent_id: str | None, task_id: str | None) -> None:
        self.run = run
        self.agent_id = agent_id
        self.task_id = task_id
        self._token: Token[Scope | None] | None = None
        self._entered_by: int | None = None  # the id of the process that entered the block
        self._began = 0.0
        self._ended = False

    @property
    def has_ended(self) -> bool:
        return self._ended

    def agent(
        self,
        agent_id: str,
        /,
        *,
        name: str | None = None,
        role: str | None = None,
        parent: str | None = None,
    ) -> "Agent":
        """Return an agent that works until the `with` block ends.

        Within another agent it is a sub-agent of that agent.
        """
        self.run.at_start()
        return Agent(self.run, agent_id, name, role, parent or _here(self).agent_id)

    def task(self, name: str, /, *, task_id: str | None = None) -> "Task":
        here = _here(self)
        return Task(self.run, here.agent_id, name, task_id, here.task_id)

    def tool(self, name: str, /, *, approve: bool = False, **params: Any) -> "Tool":
        """Return a call of a tool. The other keyword arguments are shown as its parameters.

        With ``approve`` the call waits until a person has approved it on the server. Without
        ``approve`` it waits only if approval rules apply (``CREWOPS_APPROVALS=1``) and one matches.
        Raises `Denied`. Use the call with ``with``, in an event loop with ``async with``.
        """
        return self.ask_for_tool(name, params, approve=approve)

    def ask_for_tool(
        self, name: str, params: Mapping[str, Any] | None = None, *, approve: bool = False
    ) -> "Tool":
        """Return a call of a tool, like `tool`, with parameters of any names."""
        from .tools import Tool

        self.run.at_start()
        here = _here(self)
        question = self.run.question(here, name, params, approve)
        if question is not None and not in_event_loop():
            question.wait()
            question = None
        return Tool(self.run, here.agent_id, here.task_id, name, params, question=question)

    def start_tool(
        self, name: str, params: Mapping[str, Any] | None = None, *, execution_id: str | None = None
    ) -> "Tool":
        """Return a call that other code runs. It never waits, and has begun when this returns."""
        from .tools import Tool

        here = _here(self)
        return Tool(self.run, here.agent_id, here.task_id, name, params, execution_id)

    def llm(
        self, provider: str, model: str, /, *, input: Any = None, call_id: str | None = None
    ) -> "LLM":
        """Return a call of a model. `input` is sent only if text is captured."""
        self.run.at_start()
        from .calls import LLM

        here = _here(self)
        return LLM(self.run, here.agent_id, here.task_id, provider, model, input, call_id)

    def handoff(self, to_agent_id: str, /, *, message: str | None = None) -> None:
        """Report that this agent hands the work over to another agent."""
        fields = {"from_agent_id": self.agent_id, "to_agent_id": identifier(to_agent_id)}
        if self.agent_id is not None:
            self.run.emit("handoff", {**fields, "message": message} if message else fields)

    def error(self, message: str, /, *, reason: str | None = None) -> None:
        """Report an error. This ends nothing by itself."""
        fields = {"message": str(message), "reason": reason, **_place(self)}
        self.run.emit("error", {key: value for key, value in fields.items() if value is not None})

    def __enter__(self: S) -> S:
        self._token = context.enter(self)
        self._entered_by = self.run.reporter.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context.leave(self._token)
        self._token = None
        # A forked child also leaves the blocks of its parent. Their scopes belong to the parent.
        if self._entered_by in (None, self.run.reporter.pid):
            self._leave(error)

    async def __aenter__(self: S) -> S:
        if self._waits:
            try:
                await self.run.at_async_start()
            except BaseException as error:
                self._leave(error)  # it has begun, but its block is not entered
                raise
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _leave(self, error: BaseException | None) -> None:
        """Handle the end of the `with` block."""


def _here(scope: Scope) -> Scope:
    """Return the caller's scope if it belongs to `scope`'s agent and run, else `scope`."""
    inner = context.current()
    if inner is None or inner.run is not scope.run:
        return scope
    if scope is scope.run or scope.agent_id is None:
        return inner
    return inner if inner.agent_id == scope.agent_id and scope.task_id is None else scope


def _place(scope: Scope) -> dict[str, Any]:
    place = {}
    if scope.agent_id is not None:
        place["agent_id"] = scope.agent_id
    if scope.task_id is not None:
        place["task_id"] = scope.task_id
    return place


class Agent(Scope):
    __slots__ = ("_instance",)

    def __init__(
        self, run: "Run", agent_id: str, name: str | None, role: str | None, parent: str | None
    ) -> None:
        super().__init__(run, identifier(agent_id), None)
        self._instance = f"{run.reporter.prefix}{next(_instances)}"
        fields: dict[str, Any] = {"agent_id": self.agent_id, "instance": self._instance}
        if name is not None:
            fields["name"] = str(name)
        if role is not None:
            fields["role"] = str(role)
        if parent is not None and parent != self.agent_id:
            fields["parent_agent_id"] = identifier(parent)
        run.emit("agent_start", fields)

    def end(self, status: str = "succeeded", *, message: str | None = None) -> None:
        """End the agent. The end of the `with` block does this, too."""
        if not self._ended:
            self._ended = True
            fields = {"agent_id": self.agent_id, "instance": self._instance, "status": status}
            self.run.emit("agent_end", {**fields, "message": message} if message else fields)

    def _leave(self, error: BaseException | None) -> None:
        self.end(outcome(error), message=text_of(error) if error else None)


class Task(Scope):
    _waits = False
    __slots__ = ()

    def __init__(
        self,
        run: "Run",
        agent_id: str | None,
        name: str,
        task_id: str | None,
        parent: str | None,
    ) -> None:
        own = identifier(task_id) if task_id else f"{run.reporter.prefix}{next(_instances)}"
        super().__init__(run, agent_id, own)
        fields = {"task_id": own, "name": str(name)}
        if agent_id is not None:
            fields["agent_id"] = agent_id
        if parent is not None:
            fields["parent_task_id"] = parent
        self._began = time.perf_counter()
        run.emit("task_start", fields)

    def end(self, status: str = "succeeded", *, message: str | None = None) -> None:
        """End the task. The end of the `with` block does this, too."""
        if not self._ended:
            self._ended = True
            lasted = round(time.perf_counter() - self._began, 6)
            fields = {"task_id": self.task_id, "status": status, "duration_s": lasted}
            self.run.emit("task_end", {**fields, "message": message} if message else fields)

    def _leave(self, error: BaseException | None) -> None:
        self.end(outcome(error), message=text_of(error) if error else None)
