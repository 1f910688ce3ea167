#!/usr/bin/env bash
# smolagents 1.26.0: when one tool of a batch fails, the results of the others are thrown away.
#
# The model asks for two tools in one step. One fails at once, the other succeeds later.
# Expected: an output for the one that succeeded, an error for the other.
# Seen: no ToolOutput for either. The step's memory holds the error alone and asks to retry, so a
# model that obeys repeats a tool whose work was done.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check smolagents==1.26.0
cat >"$dir/run.py" <<'PY'
import threading

from smolagents import Model, ToolCallingAgent, tool
from smolagents.models import (
    ChatMessage, ChatMessageToolCall, ChatMessageToolCallFunction, MessageRole,
)
from smolagents.monitoring import LogLevel

failed = threading.Event()
done = []


@tool
def weigh() -> str:
    """Weigh the parcel."""
    failed.set()
    raise ValueError("the scale is broken")


@tool
def stamp() -> str:
    """Stamp the parcel."""
    failed.wait()
    done.append("stamped")
    return "stamped"


class Scripted(Model):
    """Asks for both tools, then ends."""

    turns = [["weigh", "stamp"], ["final_answer"]]

    def generate(self, messages, **kwargs):
        calls = []
        for name in self.turns.pop(0):
            arguments = {"answer": "done"} if name == "final_answer" else {}
            function = ChatMessageToolCallFunction(name=name, arguments=arguments)
            calls.append(ChatMessageToolCall(id=f"call_{name}", type="function", function=function))
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=calls)


agent = ToolCallingAgent(tools=[weigh, stamp], model=Scripted(), verbosity_level=LogLevel.OFF)
outputs = [e.id for e in agent.run("Go.", stream=True) if type(e).__name__ == "ToolOutput"]
step = agent.memory.steps[1]
text = " ".join(part["text"] for m in step.to_messages() for part in m.content)
print("done:", done, "outputs:", outputs)
print("memory of the step:", text.strip())
assert done == ["stamped"]
assert outputs == ["call_final_answer"]
assert "the scale is broken" in text
assert "stamped" not in text
PY
"$dir/venv/bin/python" "$dir/run.py"
