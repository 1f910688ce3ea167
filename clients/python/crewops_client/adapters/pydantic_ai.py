"""Pydantic AI: ``Agent(…, capabilities=[CrewOps("release-crew")])``.

With ``CrewOps("release-crew", approvals=True)`` each call of a tool that an approval rule matches
waits for a person.

The capability wraps runs, model requests and tools. So each of them ends once, with its exception,
whatever the model and the tools do. The capability does not switch to streaming. Before one begins,
the capability waits while a user has paused the run, and raises `Cancelled` if a user has cancelled
it.
"""

from contextlib import ExitStack
from typing import Any

from .. import context
from ..approvals import Denied
from ..calls import LLM
from ..scope import Agent, Scope
from . import gate
from .common import captured, named, new_run, quiet
from .waiting import WAITING

try:
    from pydantic_ai import ToolDenied
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_core import to_jsonable_python
except ImportError:  # tests replay recorded sequences without it
    AbstractCapability = type("AbstractCapability", (), {})  # type: ignore[misc,assignment]
    ToolDenied = str  # type: ignore[misc,assignment]
    to_jsonable_python = dict  # type: ignore[assignment]

ELSEWHERE = "Waiting for a result from elsewhere."


class CrewOps(AbstractCapability):
    """One capability serves any number of runs. Within `crewops.run` these join that run."""

    def __init__(self, crew: str, *, name: str | None = None, approvals: bool = False) -> None:
        self._crew = crew
        self._name = name
        self._approvals = approvals

    async def wrap_run(self, ctx: Any, *, handler: Any) -> Any:
        around: Scope | None = context.current()
        if around is not None:
            await around.run.at_async_start()
        with ExitStack() as stack:
            self._begin_run(ctx, around, stack)
            return await handler()

    @quiet
    def _begin_run(self, ctx: Any, around: Scope | None, stack: ExitStack) -> None:
        """Begin an agent, and a run if the caller is in none."""
        agent = str(getattr(ctx.agent, "name", None) or "agent")
        if around is None:
            name = self._name or agent
            around = stack.enter_context(new_run(self._crew, name, "pydantic-ai"))
        stack.enter_context(Agent(around.run, agent, agent, None, around.agent_id))

    async def wrap_tool_execute(
        self, ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any
    ) -> Any:
        scope = context.current()
        if scope is not None:
            await scope.run.at_async_start()
        if self._approvals:
            try:
                await gate.wait_async(scope, call.tool_name, _shown(call.tool_name, args))
            except Denied as denied:
                return ToolDenied(str(denied))
        if scope is None:
            return await handler(args)
        params = args if isinstance(args, dict) else {"args": args}
        with scope.start_tool(call.tool_name, params) as tool:
            try:
                result = await handler(args)
            except BaseException as error:
                if (why := _deferred(error)) is not None:
                    tool.end("cancelled", message=why)
                raise
            quiet(tool.result)(result)
            return result

    async def wrap_model_request(self, ctx: Any, *, request_context: Any, handler: Any) -> Any:
        scope = context.current()
        if scope is None:
            return await handler(request_context)
        await scope.run.at_async_start()
        model = getattr(request_context, "model", None) or ctx.model
        provider = getattr(model, "system", None) or "unknown"
        name = getattr(model, "model_name", None) or "unknown"
        text = captured(scope, getattr(request_context, "messages", None))
        with scope.llm(str(provider), str(name), input=text) as call:
            response = await handler(request_context)
            self._end_call(call, response)
            return response

    @quiet
    def _end_call(self, call: LLM, response: Any) -> None:
        usage = response.usage
        details = getattr(usage, "details", None) or {}
        call.result(captured(call, [response]))
        # Both are 0 by default: the provider has used no cache, or has not said so.
        call.usage(
            input=usage.input_tokens,
            output=usage.output_tokens,
            cached=getattr(usage, "cache_read_tokens", None) or None,
            cache_write=getattr(usage, "cache_write_tokens", None) or None,
            reasoning=details.get("reasoning_tokens"),
            model=getattr(response, "model_name", None),
        )
        call.end(finish_reason=getattr(response, "finish_reason", None))


def _deferred(error: BaseException) -> str | None:
    """Return why a call has not done its work yet, or None if it has failed.

    The tool has raised one of these. The agent's run then ends and asks the program for an answer.
    """
    if named(error, "ApprovalRequired"):
        return WAITING
    return ELSEWHERE if named(error, "CallDeferred") else None


def _shown(tool: str, args: Any) -> dict[str, Any]:
    """Return the validated arguments, whole. Raises `Denied` if they cannot be written as JSON."""
    try:
        shown = to_jsonable_python(args)
    except Exception as error:
        text = f"{tool}: Its arguments cannot be shown, so no user can approve it: {error}"
        raise Denied(text) from error
    return shown if isinstance(shown, dict) else {"args": shown}
