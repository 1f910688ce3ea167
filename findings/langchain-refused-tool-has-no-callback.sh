#!/usr/bin/env bash
# langchain 1.5.2, langgraph 1.2.22: a call of an unknown tool, and one that a middleware refuses,
# give no tool callback.
#
# Expected: on_tool_start and on_tool_error, as for a call with wrong arguments.
# Seen: the conversation holds a ToolMessage with status "error", and no callback was called.
# A tracer that counts tool callbacks does not know these calls.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    langchain==1.5.2 langgraph==1.2.22
"$dir/venv/bin/python" - <<'PY'
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_tool_call
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool


class Recorder(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_tool_start(self, serialized, input_str, **kwargs):
        self.seen.append("start")

    def on_tool_end(self, output, **kwargs):
        self.seen.append("end")

    def on_tool_error(self, error, **kwargs):
        self.seen.append("error")


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **kwargs):
        return self


@tool
def weigh(parcel: str) -> str:
    """Weigh a parcel."""
    return "2 kg"


@wrap_tool_call
def refuse(request, handler):
    return ToolMessage("refused", tool_call_id=request.tool_call["id"], status="error")


def run(name, args, middleware=()):
    call = {"name": name, "args": args, "id": "call_1"}
    model = Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))
    recorder = Recorder()
    agent = create_agent(model, [weigh], middleware=list(middleware))
    result = agent.invoke({"messages": "Weigh it."}, config={"callbacks": [recorder]})
    (message,) = [m for m in result["messages"] if m.type == "tool"]
    print(f"{name} {args}: message {message.status}, callbacks {recorder.seen}")
    return message.status, recorder.seen


assert run("weigh", {"parcel": "a"}) == ("success", ["start", "end"])
assert run("weigh", {"box": "a"}) == ("error", ["start", "error"])
assert run("wiegh", {"parcel": "a"}) == ("error", [])
assert run("weigh", {"parcel": "a"}, [refuse]) == ("error", [])
PY
