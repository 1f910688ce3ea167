"""OpenAI Agents SDK: cases in which a user steers the run, or decides about a call."""

import asyncio
from typing import Any

import agents
from agents import Agent, Runner, ToolInputGuardrail, function_tool
from openai_agents_stub import ADD, Stub, add, agent, calls, run, says, streamed
from sdk.steering import User

import crewops_client as crewops
from crewops_client.adapters.openai_agents_approvals import decide

STEP = ("step", {"number": 1})


def case(action: str, *, in_tool: bool = False, stream: bool = False) -> Any:
    """A user asks for it in a call of the model, or in a tool of the first turn."""

    def work(ops: Any) -> Any:
        user, bodies = User(ops.calls), []

        def steer() -> None:
            user.cancel() if action == "cancel" else user.pause(lambda: len(bodies))

        def asks() -> list:
            steer()
            return calls(STEP)

        @function_tool
        async def ask() -> str:
            steer()
            return "asked"

        @function_tool
        def step(number: int) -> str:
            bodies.append(number)
            return f"step {number} taken"

        first = [calls(("ask", {})), calls(STEP)] if in_tool else [asks]
        orion = agent(*first, says("done"), tools=[ask, step])
        if stream:
            return streamed(lambda: orion, hooks=ops)(ops)
        return run(lambda: orion, hooked=True)(ops)

    return work


def sub_agent_cancelled(ops: Any) -> Any:
    """The run of the sub-agent is cancelled. The SDK hides that from its caller, which goes on."""

    def asks() -> list:
        User(ops.calls).cancel()
        return calls(ADD)

    lyra = Agent(name="Lyra", model=Stub(asks, says("I am Lyra")), tools=[add])
    tool = lyra.as_tool("ask", "Ask", hooks=ops)
    return run(lambda: agent(calls(("ask", {"input": "q"})), says("done"), tools=[tool]), True)(ops)


entered: list[str] = []


def deploying(**given: Any) -> Any:
    @function_tool(**given)
    def deploy(env: str) -> str:
        entered.append(env)
        return f"deployed to {env}"

    entered.clear()
    return agent(calls(("deploy", {"env": "prod"})), says("done"), tools=[deploy])


def read(result: Any) -> str:
    """What the model reads of the call, and whether the tool's body was entered."""
    items = [item for item in result.new_items if item.type == "tool_call_output_item"]
    return f"{items[-1].output}, entered {len(entered)} times"


def gate(ops: Any) -> str:
    async def work() -> str:
        orion = deploying(needs_approval=True)
        async with crewops.run("release-crew"):
            result = await Runner.run(orion, "hi", hooks=ops)
            items = [[item.name, item.raw_item.arguments] for item in result.interruptions]
            ops.calls.append(["decide", items, {}])
            return read(await Runner.run(orion, await decide(result), hooks=ops))

    agents.set_trace_processors([ops])
    return asyncio.run(work())


def guardrail(ops: Any) -> str:
    async def noted(data: Any) -> Any:
        own = data.context
        about = {"current": agents.get_current_span().span_id, "raised": None}
        ops.calls.append(["approval", [own.tool_name, own.tool_arguments], about])
        return await ops.approval.guardrail_function(data)

    orion = deploying(tool_input_guardrails=[ToolInputGuardrail(guardrail_function=noted)])
    agents.set_trace_processors([ops])
    return read(asyncio.run(Runner.run(orion, "hi", hooks=ops)))
