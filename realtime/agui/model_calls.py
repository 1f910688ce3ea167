"""The model calls of a run as AG-UI events: reasoning until the answer begins, then a message."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

COUNTED = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "reasoningTokens": "reasoning_tokens",
    "cachedInputTokens": "cached_tokens",
}


class _Open(Struct):
    owner: str
    provider: str = ""
    model: str = ""
    thinks: bool = False
    writes: bool = False
    messages: int = 0  # more than one if an interrupt came between


class ModelCalls:
    """``open``: the calls that have started and not ended, by ``call_id``."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self.open: dict[str, _Open] = {}
        self._emit = emit
        self._usage: dict[tuple[str, str], dict[str, int]] = {}

    def start(self, frame: dict[str, Any], owner: str) -> None:
        id = frame["call_id"]
        if id in self.open:
            return
        self.open[id] = _Open(owner, frame["provider"], frame["model"], thinks=True)
        self._emit("REASONING_START", messageId=f"{id}:reasoning", subagentRunId=owner)

    def know(self, frame: dict[str, Any], owner: str) -> None:
        """Begin a call whose start was not received."""
        self.open[frame["call_id"]] = _Open(owner)

    def progress(self, frame: dict[str, Any], *, texts: bool) -> None:
        id = frame["call_id"]
        call = self.open[id]
        self._stop_thinking(id, call)
        text = frame.get("output") if texts else None
        if not text:
            return
        if not call.writes:
            call.writes = True
            call.messages += 1
            message = self._message(id, call)
            self._emit("TEXT_MESSAGE_START", **message, role="assistant", subagentRunId=call.owner)
        self._emit("TEXT_MESSAGE_CONTENT", **self._message(id, call), delta=text)

    def finish(self, frame: dict[str, Any]) -> None:
        call = self.open.pop(frame["call_id"], None) or _Open("")
        self._close(frame["call_id"], call)
        counts = {name: frame[field] for name, field in COUNTED.items() if field in frame}
        if counts:
            model = frame.get("model") or call.model
            total = self._usage.setdefault((call.provider, model), {})
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count

    def close(self) -> None:
        """End all messages. Calls that continue begin another one."""
        for id, call in self.open.items():
            self._close(id, call)

    def usage(self) -> list[dict[str, Any]] | None:
        """The tokens of each model since the last time, ``None`` if none were reported."""
        usage, self._usage = self._usage, {}
        named = [{"provider": provider, "model": model} for provider, model in usage]
        known = [{k: v for k, v in name.items() if v} for name in named]
        return [a | b for a, b in zip(known, usage.values(), strict=True)] or None

    def _close(self, id: str, call: _Open) -> None:
        self._stop_thinking(id, call)
        if call.writes:
            call.writes = False
            self._emit("TEXT_MESSAGE_END", **self._message(id, call))

    def _stop_thinking(self, id: str, call: _Open) -> None:
        if call.thinks:
            call.thinks = False
            self._emit("REASONING_END", messageId=f"{id}:reasoning")

    def _message(self, id: str, call: _Open) -> dict[str, str]:
        return {"messageId": id if call.messages == 1 else f"{id}:{call.messages}"}
