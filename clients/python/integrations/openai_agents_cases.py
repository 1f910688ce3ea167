"""OpenAI Agents SDK: see recording.py."""

import asyncio
import os
import sys
from typing import Any

import agents
import openai_agents_steered as steered
import recording
from agents import Agent, Runner, function_tool
from openai_agents_stub import ADD, Stub, add, agent, calls, run, says, streamed
from sdk import recorded

from crewops_client.adapters.openai_agents import CrewOps

os.environ["OPENAI_API_KEY"] = "none"
DATA = ("name", "turn", "input", "output", "model", "usage", "from_agent", "to_agent")
HOOKED = ("tool_arguments", "error")


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    """Spans with their data, and the exception that passes while they begin or end."""
    current = agents.get_current_span()
    around = {"current": getattr(current, "span_id", None), "raised": sys.exc_info()[1]}
    if name.startswith("on_span") or name == "on_tool_ready":
        span = args[0]
        kept = {
            "span_id": span.span_id,
            "parent_id": span.parent_id,
            "trace_id": span.trace_id,
            "error": span.error,
        }
        data = recorded.plain(span.span_data, DATA)
        data = data if isinstance(data, dict) else {}
        data = dict.fromkeys(DATA) | data | {"__kind__": type(span.span_data).__name__}
        shown = recorded.plain(kept, ()) | {"span_data": data, "__kind__": "Span"}
        return [shown], recorded.plain(around, ())
    if name.startswith("on_trace"):
        return [None], {}
    return [recorded.plain(args[0] if args else None, HOOKED)], recorded.plain(around, ())


@function_tool
def nothing() -> None:
    return None


@function_tool
def broken(page: str) -> str:
    raise ValueError("no such page")


@function_tool(failure_error_function=None)
def fatal(page: str) -> str:
    raise ValueError("no such page")


@function_tool(needs_approval=True)
def approve(what: str) -> str:
    return f"removed {what}"


@function_tool
async def slow() -> str:
    await asyncio.sleep(60)
    return ""


def lyra() -> Agent:
    return Agent(name="Lyra", model=Stub(says("I am Lyra")))


def approval(processor: Any, approved: bool = True) -> Any:
    async def work() -> Any:
        orion = agent(
            calls(("approve", {"what": "x"}), ("add", {"a": 1, "b": 2})),
            says("done"),
            tools=[approve, add],
        )
        paused = await Runner.run(orion, "hi")
        state = paused.to_state()
        for each in paused.interruptions:
            state.approve(each) if approved else state.reject(each)
        return (await Runner.run(orion, state)).final_output

    agents.set_trace_processors([processor])
    return asyncio.run(work())


def mixed(processor: Any) -> Any:
    """Of two calls of one tool only the second is approved."""

    async def work() -> Any:
        both = calls(("approve", {"what": "x"}), ("approve", {"what": "y"}))
        orion = agent(both, says("done"), tools=[approve])
        paused = await Runner.run(orion, "hi")
        state = paused.to_state()
        first, second = paused.interruptions
        state.reject(first)
        state.approve(second)
        return (await Runner.run(orion, state)).final_output

    agents.set_trace_processors([processor])
    return asyncio.run(work())


def cancelled(processor: Any) -> Any:
    async def work() -> Any:
        task = asyncio.create_task(Runner.run(agent(calls(("slow", {})), tools=[slow]), "hi"))
        await asyncio.sleep(0.5)
        task.cancel()
        return await task

    agents.set_trace_processors([processor])
    return asyncio.run(work())


BROKEN = ("broken", {"page": "p"})
recording.run(
    "openai_agents",
    ["openai-agents"],
    CrewOps,
    keep,
    {
        "tools in parallel": run(lambda: agent(calls(ADD, ADD), says("done"), tools=[add])),
        "with hooks": run(
            lambda: agent(
                calls(ADD, BROKEN, ("nothing", {})), says("done"), tools=[add, broken, nothing]
            ),
            hooked=True,
        ),
        "a tool without result": run(
            lambda: agent(calls(("nothing", {})), says("done"), tools=[nothing])
        ),
        "failing tool": run(lambda: agent(calls(BROKEN), says("done"), tools=[broken])),
        "fatal tool": run(lambda: agent(calls(("fatal", {"page": "p"})), tools=[fatal])),
        "unknown tool": run(lambda: agent(calls(("nope", {})), tools=[add])),
        "dead model": run(lambda: agent(RuntimeError("model is down"))),
        "handoff": run(lambda: agent(calls(("transfer_to_lyra", {})), handoffs=[lyra()])),
        "a tool without result and a handoff": run(
            lambda: agent(
                calls(("nothing", {}), ("transfer_to_lyra", {})), tools=[nothing], handoffs=[lyra()]
            )
        ),
        "stream": streamed(lambda: agent(calls(ADD), says("done"), tools=[add])),
        "stream with too many turns": streamed(
            lambda: agent(calls(ADD), calls(ADD), tools=[add]), max_turns=1
        ),
        "agent as tool": run(
            lambda: agent(
                calls(("ask", {"input": "q"})), says("done"), tools=[lyra().as_tool("ask", "Ask")]
            )
        ),
        "approval and resume": approval,
        "approval refused": lambda processor: approval(processor, approved=False),
        "one of two calls approved": mixed,
        "cancelled": cancelled,
        "asked to cancel in a tool": steered.case("cancel", in_tool=True),
        "asked to cancel in a model call": steered.case("cancel"),
        "asked to cancel in a model call of a stream": steered.case("cancel", stream=True),
        "asked to cancel in a sub-agent": steered.sub_agent_cancelled,
        "asked to pause in a tool": steered.case("pause", in_tool=True),
        "asked to pause in a model call": steered.case("pause"),
        "gate approved": steered.gate,
        "gate denied": steered.gate,
        "gate expired": steered.gate,
        "gate not needed, guardrail": steered.guardrail,
        "gate approved, guardrail": steered.guardrail,
        "gate denied, guardrail": steered.guardrail,
        "gate expired, guardrail": steered.guardrail,
    },
)
