"""LangChain and LangGraph: ``create_agent(…, middleware=[Approvals()])``.

Each call of a tool that an approval rule matches waits for a person. For a graph of your own:
``ToolNode(tools, wrap_tool_call=gate.wrap_tool_call, awrap_tool_call=gate.awrap_tool_call)`` with
``gate = Approvals()``.
"""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from .. import context
from ..approvals import Denied
from ..scope import Scope
from . import gate
from .langchain import CrewOps

try:
    from langchain_core.messages import ToolMessage
except ImportError:  # tests replay recorded sequences without it
    ToolMessage = SimpleNamespace  # type: ignore[assignment,misc]

try:
    from langchain.agents.middleware import AgentMiddleware
except ImportError:  # LangGraph without LangChain
    AgentMiddleware = object  # type: ignore[assignment,misc]


class Approvals(AgentMiddleware):
    """Put it last in `middleware`: a later middleware could change a call after its approval.

    The model reads who denied a call, and why. Any number of agents may share one object.
    """

    @property
    def name(self) -> str:
        return "CrewOpsApprovals"

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Wait in the thread of the call. Return its result, or a refusal if it must not begin."""
        call = request.tool_call
        try:
            gate.wait(_scope(request), call["name"], call["args"])
        except Denied as denied:
            return _refusal(call, denied)
        return handler(request)

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do the same as `wrap_tool_call` without blocking the thread."""
        call = request.tool_call
        try:
            await gate.wait_async(_scope(request), call["name"], call["args"])
        except Denied as denied:
            return _refusal(call, denied)
        return await handler(request)


def _scope(request: Any) -> Scope | None:
    """Return the scope of the call from the callback handler, or else the current scope."""
    manager = (getattr(request.runtime, "config", None) or {}).get("callbacks")
    for handler in getattr(manager, "handlers", ()):
        if isinstance(handler, CrewOps):
            scope = handler.scope_of(manager.parent_run_id)
            if scope is not None:
                return scope
    return context.current()


def _refusal(call: Any, denied: Denied) -> Any:
    return ToolMessage(
        content=str(denied), name=call["name"], tool_call_id=call["id"], status="error"
    )
