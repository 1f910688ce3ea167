#!/usr/bin/env bash
# langchain-core 1.8.3 with langgraph 1.2.24: `raise_error` of an async callback stops `ainvoke`,
# not `invoke`.
#
# A callback handler has `raise_error` set and raises at the second of a graph's three nodes, as one
# that enforces a budget or a person's cancel would. It is written once with a coroutine method and
# once with a plain one.
# Expected: the exception leaves the call, and the second node does not run, in each combination.
# Seen: `invoke` awaits the coroutine, logs its exception as a warning, and runs all nodes. `invoke`
# with the plain method, and `ainvoke` with the coroutine, end at the second node.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    langgraph==1.2.24 langchain-core==1.8.3
"$dir/venv/bin/python" - <<'PY'
import asyncio
import logging
from typing import TypedDict

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langgraph.graph import END, START, StateGraph

logging.disable(logging.CRITICAL)


class Parcel(TypedDict):
    name: str


class Stopped(Exception):
    pass


def check(metadata):
    if (metadata or {}).get("langgraph_node") == "pack":
        raise Stopped


class Plain(BaseCallbackHandler):
    raise_error = True

    def on_chain_start(self, serialized, inputs, *, metadata=None, **about):
        check(metadata)


class Coroutine(AsyncCallbackHandler):
    raise_error = True

    async def on_chain_start(self, serialized, inputs, *, metadata=None, **about):
        check(metadata)


def carried_out(handler, *, is_async):
    """The nodes that ran, and whether the exception has left the call."""
    ran = []
    graph = StateGraph(Parcel)
    for name in ("weigh", "pack", "send"):
        graph.add_node(name, lambda state, name=name: ran.append(name))
    for one, other in ((START, "weigh"), ("weigh", "pack"), ("pack", "send"), ("send", END)):
        graph.add_edge(one, other)
    given = {"input": {"name": "a"}, "config": {"callbacks": [handler]}}
    try:
        if is_async:
            asyncio.run(graph.compile().ainvoke(**given))
        else:
            graph.compile().invoke(**given)
    except Stopped:
        return ran, "raised"
    return ran, "returned"


found = {
    "invoke, plain": carried_out(Plain(), is_async=False),
    "invoke, coroutine": carried_out(Coroutine(), is_async=False),
    "ainvoke, coroutine": carried_out(Coroutine(), is_async=True),
}
for way, (ran, end) in found.items():
    print(f"{way}: {ran}, {end}")
assert found["invoke, plain"] == (["weigh"], "raised")
assert found["invoke, coroutine"] == (["weigh", "pack", "send"], "returned")
assert found["ainvoke, coroutine"] == (["weigh"], "raised")
PY
