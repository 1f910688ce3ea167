"""LangChain and LangGraph: see recording.py."""

import asyncio
import inspect
from typing import Any, TypedDict

import recording
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import tool
from langchain_gate import Gate
from langchain_steered import steered, steered_nodes, within
from langchain_stub import ASK, Model, agent, call, says
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from sdk import recorded

from crewops_client.adapters.langchain import CrewOps

ATTRIBUTES = (
    *("content", "status", "tool_call_id", "generations", "message"),
    *("usage_metadata", "response_metadata"),
)
KEPT = ("run_id", "parent_run_id", "metadata", "name", "inputs", "tool_call_id", "token")
METADATA = (
    *("lc_agent_name", "langgraph_node", "langgraph_checkpoint_ns", "thread_id"),
    *("ls_provider", "ls_model_name", "ls_integration"),
)


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    if name in ("on_chain_start", "on_chat_model_start"):
        args = [None, None]
    if name == "on_chain_end":
        args = [None]
    if name == "on_tool_start":
        args = [{"name": args[0]["name"]}, ""]
    kept = {key: kwargs[key] for key in KEPT if kwargs.get(key) is not None}
    if "metadata" in kept:
        kept["metadata"] = {
            key: kept["metadata"][key] for key in METADATA if key in kept["metadata"]
        }
    return recorded.plain(args, ATTRIBUTES), recorded.plain(kept, ATTRIBUTES)


class Noted(CrewOps):
    """Notes each call. LangChain must see a coroutine function where the handler has one."""

    calls: recording.Calls

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if not name.startswith("on_"):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append([name, *keep(name, list(args), kwargs)])
            return method(*args, **kwargs)

        async def when_it_runs(*args: Any, **kwargs: Any) -> Any:
            return await call(*args, **kwargs)

        return when_it_runs if inspect.iscoroutinefunction(method) else call


class Streaming(Model):
    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        answer = self._generate(messages).generations[0].message
        for word in answer.content.split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        about = {"finish_reason": "stop"}
        last = AIMessageChunk(
            "", usage_metadata=answer.usage_metadata, response_metadata=about, chunk_position="last"
        )
        yield ChatGenerationChunk(message=last)


def streamed(handler: Any) -> Any:
    graph = create_agent(Streaming(script=[says("one two")], said=[]), [], name="orion")
    config = {"callbacks": [handler]}
    return [part.content for part, _ in graph.stream(ASK, config, stream_mode="messages")]


@tool
def add(a: int, b: int) -> str:
    """Add."""
    return str(a + b)


@tool
def broken(page: str) -> str:
    """Fail."""
    raise ValueError("no such page")


@tool
def approve(what: str) -> str:
    """Ask a person."""
    return f"approved {interrupt({'what': what})}"


@tool
async def slow() -> str:
    """Wait."""
    await asyncio.sleep(60)
    return ""


@tool
def ask_lyra(question: str) -> str:
    """Ask another agent."""
    lyra = agent([says("", call("add", {"a": 3, "b": 4}, "s1")), says("seven")], add, name="lyra")
    return lyra.invoke(ASK)["messages"][-1].content


ONE = call("add", {"a": 1, "b": 2}, "c1")
TWO = call("add", {"a": 2, "b": 2}, "c2")


def approval(handler: Any) -> Any:
    script = [says("", call("approve", {"what": "rm"}, "c1"), ONE | {"id": "c2"}), says("done")]
    graph = agent(script, approve, add, checkpointer=InMemorySaver())
    config = {"callbacks": [handler], "configurable": {"thread_id": "t1"}}
    graph.invoke(ASK, config=config)
    return graph.invoke(Command(resume="yes"), config=config)["messages"][-1].content


def updated(handler: Any, name: Any = "orion") -> Any:
    """The program changes the state while the run waits. LangGraph calls the handler for that."""
    script = [says("", call("approve", {"what": "rm"}, "c1")), says("done")]
    graph = agent(script, approve, name=name, checkpointer=InMemorySaver())
    config = {"callbacks": [handler], "configurable": {"thread_id": "t1"}}
    graph.invoke(ASK, config=config)
    graph.update_state(config, {"messages": []})
    return graph.invoke(Command(resume="yes"), config=config)["messages"][-1].content


def plain_graph(handler: Any) -> Any:
    class State(TypedDict):
        n: int

    graph = StateGraph(State)
    graph.add_node("fetch", lambda state: {"n": state["n"] + 1})
    graph.add_node("write", lambda state: {"n": state["n"] + 1})
    graph.add_edge(START, "fetch").add_edge("fetch", "write").add_edge("write", END)
    return graph.compile(name="pipeline").invoke({"n": 1}, config={"callbacks": [handler]})


async def cancelled(handler: Any) -> Any:
    graph = agent([says("", call("slow", {}, "c1"))], slow)
    task = asyncio.create_task(graph.ainvoke(ASK, config={"callbacks": [handler]}))
    await asyncio.sleep(0.5)
    task.cancel()
    await task


class Hanging(Model):
    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(60)


async def cancelled_call(handler: Any) -> Any:
    graph = create_agent(Hanging(script=[], said=[]), [], name="orion")
    task = asyncio.create_task(graph.ainvoke(ASK, config={"callbacks": [handler]}))
    await asyncio.sleep(0.5)
    task.cancel()
    await task


def invoke(script: list[Any], *tools: Any) -> Any:
    return lambda handler: agent(script, *tools).invoke(ASK, config={"callbacks": [handler]})


async def ainvoke(handler: Any) -> Any:
    return await agent([says("", ONE), says("done")], add).ainvoke(
        ASK, config={"callbacks": [handler]}
    )


def gated(handler: Any) -> Any:
    script = [says("", ONE), says("done")]
    return agent(script, add, middleware=[Gate(handler.calls, ATTRIBUTES)])


def tool_result(state: Any) -> str:
    """The tool's result as the model gets it."""
    return next(
        f"{each.status}: {each.content}" for each in state["messages"] if each.type == "tool"
    )


def gate(handler: Any) -> str:
    return tool_result(gated(handler).invoke(ASK, config={"callbacks": [handler]}))


def gate_async(handler: Any) -> str:
    return tool_result(asyncio.run(gated(handler).ainvoke(ASK, config={"callbacks": [handler]})))


recording.run(
    "langchain",
    ["langchain", "langchain-core", "langgraph"],
    Noted,
    keep,
    {
        "tools in parallel": invoke([says("", ONE, TWO), says("done")], add),
        "async": lambda handler: asyncio.run(ainvoke(handler)),
        "streamed": streamed,
        "failing tool": invoke([says("", call("broken", {"page": "p"}, "c1"))], broken),
        "bad arguments and an unknown tool": invoke(
            [says("", call("add", {"a": "x"}, "c1"), call("nope", {}, "c2")), says("done")], add
        ),
        "dead model": invoke([RuntimeError("model is down")], add),
        "sub-agent in a tool": invoke(
            [says("", call("ask_lyra", {"question": "3+4"}, "c1")), says("done")], ask_lyra
        ),
        "approval and resume": approval,
        "updated while it waits": updated,
        "updated while it waits, without a name": lambda h: updated(h, None),
        "plain graph": plain_graph,
        "cancelled": lambda handler: asyncio.run(cancelled(handler)),
        "cancelled in a model call": lambda handler: asyncio.run(cancelled_call(handler)),
        "model alone": lambda h: Model(script=[says("hi")], said=[]).invoke(
            "hello", config={"callbacks": [h]}
        ),
        "gate approved": gate,
        "gate denied": gate,
        "gate expired": gate,
        "gate not needed": gate,
        "gate approved async": gate_async,
        "gate denied async": gate_async,
        "asked to cancel": steered("cancel"),
        "asked to cancel async": steered("cancel", "ainvoke"),
        "asked to cancel sync code in a loop": steered("cancel", "invoke in a loop"),
        "asked to cancel plain nodes": steered_nodes("cancel"),
        "asked to cancel within a run": within(steered("cancel")),
        "asked to pause": steered("pause"),
        "asked to pause async": steered("pause", "ainvoke"),
        "asked to pause plain nodes": steered_nodes("pause"),
        "asked to pause within a run": within(steered("pause")),
        "tool alone": lambda h: add.invoke({"a": 1, "b": 2}, config={"callbacks": [h]}),
    },
)
