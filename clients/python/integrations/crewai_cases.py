"""CrewAI: see recording.py."""

import asyncio
import os
import re
from typing import Any

os.environ |= {"CREWAI_TRACING_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}
os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OPENAI_API_KEY": "none"}

import recording
from crewai import Agent, Crew, Process, Task
from crewai.flow.flow import Flow, start
from crewai.hooks import register_before_tool_call_hook, unregister_before_tool_call_hook
from crewai.tools import tool
from crewai_gate import Noted
from crewai_steered import before_tools, delegated, finished, in_flow, steered, within
from crewai_stub import DEPLOY, TEXT, Stub, calls
from sdk import recorded

import crewops_client as crewops
from crewops_client.adapters.crewai import CrewOps

ATTRIBUTES = (
    *("type", "event_id", "parent_event_id", "started_event_id", "crew_name", "error"),
    *("tool_name", "tool_args", "output", "failure", "model", "call_id", "usage", "role", "agent"),
    *("finish_reason", "agent_info", "name", "description", "chunk", "reason", "flow_name"),
)


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    event = args[0]
    shown = recorded.plain(event, ATTRIBUTES, 2)
    for each in ATTRIBUTES:
        shown.setdefault(each, None)
    task = getattr(event, "task", None)
    role = getattr(getattr(event, "agent", None), "role", None)
    shown["agent"] = role and {"__kind__": "Agent", "role": role}
    shown["task"] = task and {
        "__kind__": "Task",
        "name": task.name,
        "description": task.description,
        "agent": {"__kind__": "Agent", "role": getattr(task.agent, "role", None)},
    }
    if "Completed" in shown["__kind__"] and not shown["tool_name"]:
        shown["output"] = None
    shown["messages"] = None
    return [shown], {}


@tool("add")
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@tool("broken")
def broken(page: str) -> str:
    """Fail."""
    raise ValueError("no such page")


def crew(*script: Any, tools: Any = (), **given: Any) -> Crew:
    scout = Agent(
        role="Scout",
        goal="g",
        backstory="b",
        llm=Stub(*script),
        tools=list(tools),
        max_retry_limit=1,
    )
    task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
    return Crew(agents=[scout], tasks=[task], name="nightly", **given)


def kickoff(make: Any) -> Any:
    return lambda listener: make().kickoff().raw


def two_agents() -> Crew:
    scout = Agent(role="Scout", goal="g", backstory="b", llm=Stub("found"))
    writer = Agent(role="Writer", goal="g", backstory="b", llm=Stub("written"))
    fetch = Task(name="Fetch", description="Fetch", expected_output="t", agent=scout)
    write = Task(name="Write", description="Write", expected_output="t", agent=writer)
    return Crew(agents=[scout, writer], tasks=[fetch, write], process=Process.sequential)


def delegation() -> Crew:
    ask = {"task": "look", "context": "none", "coworker": "Helper"}
    chief = Agent(
        role="Chief",
        goal="g",
        backstory="b",
        allow_delegation=True,
        llm=Stub(calls(("delegate_work_to_coworker", ask)), "done"),
    )
    helper = Agent(role="Helper", goal="g", backstory="b", llm=Stub("helped"))
    task = Task(name="Lead", description="Lead", expected_output="t", agent=chief)
    return Crew(agents=[chief, helper], tasks=[task])


def joined(listener: Any) -> Any:
    with crewops.run("release-crew", name="Outer"):
        return crew("done").kickoff().raw


def task_alone(listener: Any) -> Any:
    scout = Agent(role="Scout", goal="g", backstory="b", llm=Stub("done"))
    task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
    return task.execute_sync(scout).raw


def agent_alone(*script: Any) -> Any:
    def case(listener: Any) -> Any:
        stub = Stub(*script)
        return Agent(role="Scout", goal="g", backstory="b", llm=stub, tools=[add]).kickoff("hi").raw

    return case


def blocked(listener: Any) -> Any:
    def deny(about: Any) -> bool:
        return False

    register_before_tool_call_hook(deny)
    try:
        return crew(calls(ADD), "done", tools=[add]).kickoff().raw
    finally:
        unregister_before_tool_call_hook(deny)


def gate(answer: Any, native: bool = True, how: str = "kickoff") -> Any:
    """Returns the result that the model gets, and whether the tool's body was entered."""

    def case(listener: Any) -> str:
        entered: list[int] = []

        @tool("deploy")
        def deploy(env: str) -> str:
            """Deploy."""
            entered.append(1)
            return f"deployed to {env}"

        listener._gate = Noted(listener)
        stub = Stub(answer, "done" if native else "Thought: x\nFinal Answer: done", native=native)
        scout = Agent(role="Scout", goal="g", backstory="b", llm=stub, tools=[deploy])
        task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
        if how == "alone":
            scout.kickoff("hi")
        else:
            started = getattr(Crew(agents=[scout], tasks=[task], name="nightly"), how)()
        if how not in ("alone", "kickoff"):
            asyncio.run(finished(started))
        result = re.search(r"deploy: [^'\"\\]*|deployed to prod", stub.read[-1])
        return f"{result and result[0]}, entered {len(entered)} times"

    return case


class Steps(Flow):
    @start()
    def first(self) -> str:
        return crew("done").kickoff().raw


ADD = ("add", {"a": 1, "b": 2})
recording.run(
    "crewai",
    ["crewai"],
    CrewOps,
    keep,
    {
        "tools in parallel": kickoff(lambda: crew(calls(ADD, ADD), "done", tools=[add])),
        "failing tool": kickoff(
            lambda: crew(calls(("broken", {"page": "p"})), "done", tools=[broken])
        ),
        "unknown tool": kickoff(lambda: crew(calls(("nope", {})), "done", tools=[add])),
        "dead model": kickoff(lambda: crew(*[RuntimeError("model is down")] * 9)),
        "two agents": kickoff(two_agents),
        "delegation": kickoff(delegation),
        "flow": lambda listener: Steps().kickoff(),
        "blocked tool": blocked,
        "within a run": joined,
        "task without a crew": task_alone,
        "agent without a crew": agent_alone(calls(ADD), "done"),
        "agent without a crew and a dead model": agent_alone(RuntimeError("model is down")),
        "gate approved": gate(DEPLOY),
        "gate denied": gate(DEPLOY),
        "gate expired": gate(DEPLOY),
        "gate approved in akickoff": gate(DEPLOY, how="akickoff"),
        "gate denied in akickoff": gate(DEPLOY, how="akickoff"),
        "gate denied in kickoff_async": gate(DEPLOY, how="kickoff_async"),
        "gate approved without native calls": gate(TEXT, native=False),
        "gate approved for an agent without a crew": gate(DEPLOY, how="alone"),
        "gate denied for an agent without a crew": gate(DEPLOY, how="alone"),
        "gate denied without native calls": gate(TEXT, native=False),
        "asked to cancel": steered("cancel"),
        "asked to cancel in akickoff": steered("cancel", "akickoff"),
        "asked to cancel in kickoff_async": steered("cancel", "kickoff_async"),
        "asked to cancel without native calls": steered("cancel", native=False),
        "asked to cancel an agent without a crew": steered("cancel", "alone"),
        "asked to cancel within a run": within(steered("cancel")),
        "asked to cancel before tools": before_tools("cancel"),
        "asked to cancel a delegated task": delegated,
        "asked to cancel in a flow": in_flow,
        "asked to pause": steered("pause"),
        "asked to pause before tools": before_tools("pause"),
        "asked to pause in akickoff": steered("pause", "akickoff"),
        "asked to pause without native calls": steered("pause", native=False),
        "asked to pause an agent without a crew": steered("pause", "alone"),
    },
)
