"""Cases of CrewAI in which a user controls the run, for crewai_cases.py."""

import asyncio
from typing import Any

from crewai import Agent, Crew, Task
from crewai.flow.flow import Flow, start
from crewai.tools import tool
from crewai_gate import Steered
from crewai_stub import DEPLOY, TEXT, Stub, calls
from sdk.steering import User

import crewops_client as crewops


async def finished(started: Any) -> None:
    await started


def steered(action: str, how: str = "kickoff", native: bool = True) -> Any:
    """A user asks for it while a tool runs. Two model calls and a tool would follow."""

    def case(listener: Any) -> Any:
        user, bodies = User(listener.calls), []

        @tool("ask")
        def ask() -> str:
            """Ask."""
            if action == "cancel":
                user.cancel()
            else:
                user.pause(lambda: len(bodies) + len(stub.read))
            return "asked"

        @tool("deploy")
        def deploy(env: str) -> str:
            """Deploy."""
            bodies.append(env)
            return f"deployed to {env}"

        listener._steering.close()
        listener._steering = Steered(listener)
        script = [calls(("ask", {})), DEPLOY, "done"]
        if not native:
            script = ["Thought: x\nAction: ask\nAction Input: {}", TEXT, "Final Answer: done"]
        stub = Stub(*script, native=native)
        scout = Agent(role="Scout", goal="g", backstory="b", llm=stub, tools=[ask, deploy])
        if how == "alone":
            return scout.kickoff("hi").raw
        task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
        kicked = getattr(Crew(agents=[scout], tasks=[task], name="nightly"), how)()
        return kicked.raw if how == "kickoff" else asyncio.run(finished(kicked))

    return case


def before_tools(action: str) -> Any:
    """A user asks for it while the model works, which then calls two tools at the same time."""

    def case(listener: Any) -> Any:
        user, bodies = User(listener.calls), []

        @tool("deploy")
        def deploy(env: str) -> str:
            """Deploy."""
            bodies.append(env)
            return f"deployed to {env}"

        def ask() -> Any:
            user.cancel() if action == "cancel" else user.pause(lambda: len(bodies))
            return calls(("deploy", {"env": "prod"}), ("deploy", {"env": "test"}))

        listener._steering.close()
        listener._steering = Steered(listener)
        stub = Stub(ask, "done")
        scout = Agent(role="Scout", goal="g", backstory="b", llm=stub, tools=[deploy])
        task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
        return Crew(agents=[scout], tasks=[task], name="nightly").kickoff().raw

    return case


def delegated(listener: Any) -> Any:
    """A user cancels while a tool of an agent runs to which another agent has delegated."""
    user = User(listener.calls)

    @tool("ask")
    def ask() -> str:
        """Ask."""
        user.cancel()
        return "asked"

    listener._steering.close()
    listener._steering = Steered(listener)
    wish = {"task": "look", "context": "none", "coworker": "Helper"}
    chief = Agent(
        role="Chief",
        goal="g",
        backstory="b",
        allow_delegation=True,
        llm=Stub(calls(("delegate_work_to_coworker", wish)), "done"),
    )
    stub = Stub(calls(("ask", {})), "helped")
    helper = Agent(role="Helper", goal="g", backstory="b", llm=stub, tools=[ask])
    task = Task(name="Lead", description="Lead", expected_output="t", agent=chief)
    return Crew(agents=[chief, helper], tasks=[task], name="nightly").kickoff().raw


def in_flow(listener: Any) -> Any:
    """A user cancels while a tool runs in a crew of a flow."""

    class Steps(Flow):
        @start()
        def first(self) -> str:
            return steered("cancel")(listener)

    return Steps().kickoff()


def within(case: Any) -> Any:
    def inner(listener: Any) -> Any:
        with crewops.run("release-crew", name="Outer"):
            return case(listener)

    return inner
