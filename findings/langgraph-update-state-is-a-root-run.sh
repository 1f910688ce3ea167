#!/usr/bin/env bash
# langgraph 1.2.24, langchain-core 1.8.3: `update_state` after a node with a conditional edge calls
# on_chain_start and on_chain_end as the call of a graph does: without a parent, with the thread id.
#
# Expected: an edit of stored state executes nothing, so it gives no callbacks. After a node with a
# plain edge it gives none.
# Seen: a root named "LangGraphUpdateState" that ends well. A tracer that continues an interrupted
# run by its thread id takes the edit for the resumption, and its end for the end of the run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    langchain-core==1.8.3 langgraph==1.2.24
"$dir/venv/bin/python" - <<'PY'
from typing import TypedDict

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class Roots(BaseCallbackHandler):
    def __init__(self):
        self.seen = []
        self.open = set()

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **about):
        if parent_run_id is None:
            self.open.add(run_id)
            thread = (about.get("metadata") or {}).get("thread_id")
            self.seen.append(("start", about.get("name"), thread))

    def on_chain_end(self, outputs, *, run_id, **about):
        if run_id in self.open:
            self.seen.append("end")

    def on_chain_error(self, error, *, run_id, **about):
        if run_id in self.open:
            self.seen.append(type(error).__name__)


class State(TypedDict):
    amount: int


def ask(state):
    return {"amount": interrupt("How many?")}


def run(conditional):
    builder = StateGraph(State)
    builder.add_node("plan", lambda state: {"amount": 1})
    builder.add_node("ask", ask)
    builder.add_edge(START, "plan")
    if conditional:
        builder.add_conditional_edges("plan", lambda state: "ask", ["ask"])
    else:
        builder.add_edge("plan", "ask")
    builder.add_edge("ask", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    roots = Roots()
    config = {"configurable": {"thread_id": "order 7"}, "callbacks": [roots]}
    graph.invoke({"amount": 0}, config)
    before = len(roots.seen)
    graph.update_state(config, {"amount": 2}, as_node="plan")
    edit = roots.seen[before:]
    assert graph.invoke(Command(resume=3), config)["amount"] == 3
    print(f"conditional edge: {conditional}, callbacks of the edit: {edit}")
    return edit


assert run(conditional=False) == []
assert run(conditional=True) == [("start", "LangGraphUpdateState", "order 7"), "end"]
PY
