"""Report messages of AG-UI as model calls with their text, if text is captured."""

from typing import Any

from ..calls import LLM, STATUS
from ..runs import Run
from .base import mapping, text

UNKNOWN = "unknown"  # AG-UI names the models only in the totals of the last event


class Texts:
    """Reports one model call for each message of an assistant, from its start to its end."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._input: Any = None  # the input of the next call
        self._open: dict[str, LLM] = {}
        self._chunked = ""  # the message that chunks belong to

    def asked(self, sent: Any) -> None:
        """Take a request of the front end. Its messages are the input of the first call."""
        self._input = mapping(sent).get("messages") or None

    def feed(self, event: Any, agent_id: str, task_id: str | None) -> None:
        if not self._run.capture_text:
            return
        line = mapping(event)
        kind, own = text(line.get("type")).upper(), text(line.get("messageId"))
        is_chunk = kind == "TEXT_MESSAGE_CHUNK"
        if self._chunked and (not is_chunk or own not in ("", self._chunked)):
            self._end(self._chunked)
            self._chunked = ""
        if is_chunk:
            self._chunked = own = own or self._chunked
        begins = (is_chunk or kind == "TEXT_MESSAGE_START") and own not in self._open
        if begins and own and line.get("role") in (None, "assistant"):
            given, self._input = self._input, None
            self._open[own] = LLM(self._run, agent_id, task_id, UNKNOWN, UNKNOWN, given)
        if kind == "TEXT_MESSAGE_CONTENT" or is_chunk:
            if own in self._open:
                self._open[own].output(text(line.get("delta")))
        elif kind == "TEXT_MESSAGE_END":
            self._end(own)

    def close(self, status: str) -> None:
        """End all open calls. The run has ended as `status`."""
        for own in tuple(self._open):
            self._end(own, STATUS[status])
        self._chunked = ""

    def _end(self, own: str, status: str = "success") -> None:
        if call := self._open.pop(own, None):
            call.end(status)
