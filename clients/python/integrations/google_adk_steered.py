"""Google ADK: cases in which a user steers the run, or decides about a call."""

import asyncio
from typing import Any

from google.adk.tools.agent_tool import AgentTool
from google_adk_stub import add, agent, ask, call
from sdk.steering import User


def case(action: str, *, in_tool: bool = False) -> Any:
    """A user asks for it in a call of the model, or in a tool of the first turn."""

    def work(plugin: Any) -> Any:
        user, bodies = User(plugin.calls), []

        def asks() -> str:
            """Ask."""
            user.cancel() if action == "cancel" else user.pause(lambda: len(bodies))
            return "asked"

        def step(number: int) -> str:
            """Take a step."""
            bodies.append(number)
            return f"step {number} taken"

        def answer() -> list[Any]:
            asks()
            return [call("step", number=1)]

        first = [[call("asks")], [call("step", number=1)]] if in_tool else [answer]
        return asyncio.run(ask(agent("orion", *first, "done", tools=[asks, step]), plugin))

    return work


def sub_agent_cancelled(plugin: Any) -> Any:
    def answer() -> list[Any]:
        User(plugin.calls).cancel()
        return [call("add", a=1, b=2)]

    lyra = agent("lyra", answer, "three", tools=[add])
    root = agent("orion", [call("lyra", request="add")], "done", tools=[AgentTool(lyra)])
    return asyncio.run(ask(root, plugin))


def gate(plugin: Any) -> str:
    """The result that the model gets of the call, and whether the tool's body was entered."""
    entered: list[int] = []

    def deploy(env: str) -> str:
        """Deploy."""
        entered.append(1)
        return f"deployed to {env}"

    plugin._approvals = True
    root = agent("orion", [call("deploy", env="prod")], "done", tools=[deploy])
    said: list[Any] = []
    asyncio.run(ask(root, plugin, said=said))
    parts = [part for event in said if event.content for part in event.content.parts]
    response = next(part.function_response for part in parts if part.function_response).response
    return f"{response}, entered {len(entered)} times"
