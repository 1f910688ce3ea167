"""Pydantic AI: see recording.py."""

import asyncio
import contextvars
from typing import Any

import recording
from pydantic_ai import (
    Agent,
    ApprovalRequired,
    CallDeferred,
    DeferredToolRequests,
    ModelRetry,
    RunContext,
    Tool,
    ToolDenied,
)
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage
from sdk import recorded
from sdk.steering import User

from crewops_client.adapters import pydantic_ai as adapter

ATTRIBUTES = ("name", "tool_name", "system", "model_name", "usage", "finish_reason")
USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "details")
parent: contextvars.ContextVar[int] = contextvars.ContextVar("parent", default=0)
steps: list[Any] = []


class CrewOps(adapter.CrewOps):
    """Notes what begins, where, and how it ends."""

    async def _noted(self, method: str, given: dict[str, Any], call: Any, *args: Any) -> Any:
        number = len(steps) + 1
        steps.append(["begin", method, number, parent.get(), recorded.plain(given, ATTRIBUTES)])

        async def handler(*_: Any) -> Any:
            token = parent.set(number)
            try:
                result = await call(*args)
            except BaseException as error:
                steps.append(["raise", number, recorded.plain(error, ())])
                raise
            finally:
                parent.reset(token)
            shown = recorded.plain(result, (*ATTRIBUTES, *USAGE))
            steps.append(["return", number, shown if method != "wrap_run" else None])
            return result

        return handler

    async def wrap_run(self, ctx: Any, *, handler: Any) -> Any:
        call = await self._noted("wrap_run", {"name": ctx.agent.name}, handler)
        return await super().wrap_run(ctx, handler=call)

    async def wrap_tool_execute(self, ctx: Any, **given: Any) -> Any:
        shown = {"tool_name": given["call"].tool_name, "args": given["args"]}
        call = await self._noted("wrap_tool_execute", shown, given.pop("handler"), given["args"])
        number = len(steps)
        result = await super().wrap_tool_execute(ctx, **given, handler=call)
        if isinstance(result, ToolDenied):
            steps.append(["denied", number, result.message])
        return result

    async def wrap_model_request(self, ctx: Any, *, request_context: Any, handler: Any) -> Any:
        model = request_context.model
        shown = {"system": model.system, "model_name": model.model_name}
        call = await self._noted("wrap_model_request", shown, handler, request_context)
        return await super().wrap_model_request(ctx, request_context=request_context, handler=call)


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    return [], {}


def says(*parts: Any) -> ModelResponse:
    usage = RequestUsage(input_tokens=10, output_tokens=3, cache_read_tokens=4)
    return ModelResponse(parts=list(parts), usage=usage, model_name="stub-1-2026")


def call(name: str, **args: Any) -> ToolCallPart:
    return ToolCallPart(name, args)


def agent(capability: Any, *script: Any, tools: Any = (), name: str = "orion") -> Agent:
    left = list(script)

    async def answer(messages: Any, info: Any) -> ModelResponse:
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        return given() if callable(given) else given

    model = FunctionModel(answer, model_name="stub-1")
    return Agent(model, name=name, tools=list(tools), capabilities=[capability])


def add(a: int, b: int) -> int:
    return a + b


def broken(page: str) -> str:
    raise ValueError("no such page")


def retry(page: str) -> str:
    raise ModelRetry("another page, please")


async def slow() -> str:
    await asyncio.sleep(60)
    return ""


DONE = TextPart("done")
TITLES: list[Any] = []


def case(make: Any) -> Any:
    def run(capability: Any) -> Any:
        steps.clear()
        try:
            return make(capability)
        finally:
            TITLES.append(list(steps))

    return run


def sub_agent(capability: Any) -> Any:
    async def ask(ctx: RunContext[None], question: str) -> str:
        lyra = agent(capability, says(call("add", a=3, b=4)), says(DONE), tools=[add], name="lyra")
        return (await lyra.run(question)).output

    orion = agent(capability, says(call("ask", question="q")), says(DONE), tools=[Tool(ask)])
    return orion.run_sync("hi").output


def asks() -> str:
    raise ApprovalRequired


def later() -> str:
    raise CallDeferred


def deferred(capability: Any) -> Any:
    orion = agent(capability, says(call("asks"), call("later")), tools=[asks, later])
    return orion.run_sync("hi", output_type=[str, DeferredToolRequests]).output


def cancelled(capability: Any) -> Any:
    async def work() -> Any:
        task = asyncio.create_task(agent(capability, says(call("slow")), tools=[slow]).run("hi"))
        await asyncio.sleep(0.5)
        task.cancel()
        return await task

    return asyncio.run(work())


def gate(capability: Any) -> str:
    capability._approvals = True
    orion = agent(capability, says(call("add", a=1, b=2)), says(DONE), tools=[add])
    messages = orion.run_sync("hi").all_messages()
    parts = [part for message in messages for part in message.parts]
    return next(f"{part.outcome}: {part.content}" for part in parts if hasattr(part, "outcome"))


def steered(action: str, *, in_tool: bool = False) -> Any:
    """A user asks for it in a call of the model, or in a tool of the first turn."""

    def work(capability: Any) -> Any:
        user, bodies = User(steps), []

        def asks() -> str:
            user.cancel() if action == "cancel" else user.pause(lambda: len(bodies))
            return "asked"

        def step(number: int) -> str:
            bodies.append(number)
            return f"step {number} taken"

        def answer() -> ModelResponse:
            asks()
            return says(call("step", number=1))

        first = [says(call("asks")), says(call("step", number=1))] if in_tool else [answer]
        orion = agent(capability, *first, says(DONE), tools=[asks, step])
        return orion.run_sync("hi").output

    return case(work)


def sub_agent_cancelled(capability: Any) -> Any:
    def answer() -> ModelResponse:
        User(steps).cancel()
        return says(call("add", a=1, b=2))

    async def ask(ctx: RunContext[None], question: str) -> str:
        lyra = agent(capability, answer, says(DONE), tools=[add], name="lyra")
        return (await lyra.run(question)).output

    orion = agent(capability, says(call("ask", question="q")), says(DONE), tools=[Tool(ask)])
    return orion.run_sync("hi").output


recording.run(
    "pydantic_ai",
    ["pydantic-ai-slim"],
    CrewOps,
    keep,
    {
        "tools in parallel": case(
            lambda c: agent(
                c, says(call("add", a=1, b=2), call("add", a=2, b=2)), says(DONE), tools=[add]
            ).run_sync("hi")
        ),
        "failing tool": case(
            lambda c: agent(c, says(call("broken", page="p")), tools=[broken]).run_sync("hi")
        ),
        "retried tool": case(
            lambda c: agent(c, says(call("retry", page="p")), says(DONE), tools=[retry]).run_sync(
                "hi"
            )
        ),
        "bad arguments and an unknown tool": case(
            lambda c: agent(
                c, says(call("add", a="x"), call("nope")), says(DONE), tools=[add]
            ).run_sync("hi")
        ),
        "dead model": case(lambda c: agent(c, RuntimeError("model is down")).run_sync("hi")),
        "sub-agent in a tool": case(sub_agent),
        "cancelled": case(cancelled),
        "tools that wait": case(deferred),
        "asked to cancel in a tool": steered("cancel", in_tool=True),
        "asked to cancel in a model call": steered("cancel"),
        "asked to cancel in a sub-agent": case(sub_agent_cancelled),
        "asked to pause in a tool": steered("pause", in_tool=True),
        "asked to pause in a model call": steered("pause"),
        "gate approved": case(gate),
        "gate denied": case(gate),
        "gate expired": case(gate),
    },
    lambda: TITLES.pop(0),
)
