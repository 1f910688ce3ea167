"""Cases of LangChain in which a user controls the run, for langchain_cases.py."""

import asyncio
from collections.abc import Callable
from typing import Any, TypedDict

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_stub import ASK, Model, call, says
from langgraph.graph import END, START, StateGraph
from sdk.steering import User

import crewops_client as crewops

DEPLOY = call("deploy", {"env": "prod"}, "c2")


def steered(action: str, how: str = "invoke") -> Callable[[Any], Any]:
    """A user asks for it while a tool runs. Two model calls and a tool would follow."""

    def case(handler: Any) -> Any:
        user, bodies, model = User(handler.calls), [], Model(script=[], said=[])

        def ask() -> str:
            if action == "cancel":
                user.cancel()
            else:
                user.pause(lambda: len(bodies) + len(model.said))
            return "asked"

        @tool("ask")
        def ask_in_thread() -> str:
            """Ask."""
            return ask()

        @tool("ask")
        async def ask_in_loop() -> str:
            """Ask."""
            return ask()

        @tool
        def deploy(env: str) -> str:
            """Deploy."""
            bodies.append(env)
            return f"deployed to {env}"

        model.script += [says("", call("ask", {}, "c1")), says("", DEPLOY), says("done")]
        asking = ask_in_loop if how == "ainvoke" else ask_in_thread
        graph = create_agent(model, [asking, deploy], name="orion")
        config = {"callbacks": [handler]}
        if how == "invoke":
            return graph.invoke(ASK, config=config)["messages"][-1].content
        return asyncio.run(in_loop(graph, config, how))

    return case


async def in_loop(graph: Any, config: Any, how: str) -> Any:
    if how == "ainvoke":
        return (await graph.ainvoke(ASK, config=config))["messages"][-1].content
    return graph.invoke(ASK, config=config)["messages"][-1].content


def steered_nodes(action: str) -> Callable[[Any], Any]:
    """The nodes call neither models nor tools of LangChain."""

    class State(TypedDict):
        n: int

    def case(handler: Any) -> Any:
        user, bodies = User(handler.calls), []

        def fetch(state: State) -> State:
            user.cancel() if action == "cancel" else user.pause(lambda: len(bodies))
            return state

        def write(state: State) -> State:
            bodies.append(1)
            return state

        graph = StateGraph(State)
        graph.add_node("fetch", fetch)
        graph.add_node("write", write)
        graph.add_edge(START, "fetch").add_edge("fetch", "write").add_edge("write", END)
        return graph.compile(name="pipeline").invoke({"n": 1}, config={"callbacks": [handler]})

    return case


def within(case: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def inner(handler: Any) -> Any:
        with crewops.run("release-crew", name="Outer"):
            return case(handler)

    return inner
