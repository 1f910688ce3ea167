"""The tool calls of a run as AG-UI events: a TOOL_CALL with its result, and an ACTIVITY."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

RESULT_CHARS = 4_000  # of a tool's output in its result: the end. All of it was sent as it came.
ACTIVITY = "crewops.tool"
LOST = "The run ended before this tool did."


class _Open(NamedTuple):
    owner: str
    tail: str  # the end of the output


class ToolCalls:
    """``open``: the calls that have started and not ended, by ``execution_id``."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self.open: dict[str, _Open] = {}
        self._emit = emit

    def start(self, frame: dict[str, Any], owner: str) -> None:
        """Also for an event of a call whose start was not received. Repeating it is harmless."""
        id = frame["execution_id"]
        if id in self.open:
            return
        self.open[id] = _Open(owner, "")
        self._emit(
            "TOOL_CALL_START", toolCallId=id, toolCallName=frame["tool"], subagentRunId=owner
        )
        arguments = json.dumps(frame.get("params", {}), ensure_ascii=False)
        self._emit("TOOL_CALL_ARGS", toolCallId=id, delta=arguments)
        self._emit("TOOL_CALL_END", toolCallId=id)  # the arguments are complete
        content = {"tool": frame["tool"], "agent_id": frame["agent_id"], "status": "running"}
        content |= {"message": "", "progress": None}
        self._emit(
            "ACTIVITY_SNAPSHOT",
            messageId=f"{id}:activity",
            activityType=ACTIVITY,
            content=content,
            subagentRunId=owner,
        )

    def progress(self, frame: dict[str, Any]) -> None:
        id = frame["execution_id"]
        self._patch(id, {name: frame[name] for name in ("message", "progress") if name in frame})
        if text := frame.get("output"):
            known = self.open[id]
            self.open[id] = known._replace(tail=(known.tail + text)[-RESULT_CHARS:])
            value = {"toolCallId": id, "delta": text}
            self._emit("CUSTOM", name="crewops.tool_output", value=value, subagentRunId=known.owner)

    def finish(self, frame: dict[str, Any]) -> None:
        id = frame["execution_id"]
        shown = ("status", "duration_s", "exit_code", "message")
        self._patch(id, {name: frame[name] for name in shown if name in frame})
        known = self.open.pop(id)
        self._result(id, known, _result_text(frame, known.tail))

    def end(self) -> None:
        """Give every open call a result, or the client would take them for its own to carry out."""
        for id in tuple(self.open):
            self._patch(id, {"status": "error", "message": LOST})
            self._result(id, self.open.pop(id), LOST)

    def _patch(self, id: str, changes: dict[str, Any]) -> None:
        patch = [{"op": "add", "path": f"/{name}", "value": v} for name, v in changes.items()]
        self._emit("ACTIVITY_DELTA", messageId=f"{id}:activity", activityType=ACTIVITY, patch=patch)

    def _result(self, id: str, known: _Open, content: str) -> None:
        self._emit(
            "TOOL_CALL_RESULT",
            messageId=f"{id}:result",
            toolCallId=id,
            role="tool",
            content=content,
            subagentRunId=known.owner,
        )


def _result_text(frame: dict[str, Any], output: str) -> str:
    """Return the text of the result: the output, or how the call ended, or both."""
    message = frame.get("message", "")
    if frame["status"] == "success":
        return output or message or "success"
    code = frame["exit_code"]
    head = frame["status"] if code is None else f"{frame['status']}, exit code {code}"
    return "\n".join(filter(None, [f"{head}: {message}" if message else head, output]))
