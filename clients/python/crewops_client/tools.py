"""Tool calls."""

import codecs
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .calls import STATUS, Call, as_text
from .encoding import OUTPUT
from .scope import outcome, text_of
from .value_snapshot import snapshot

if TYPE_CHECKING:
    from .approvals import Question
    from .runs import Run


ALL_OUTPUT = 4 * 1024 * 1024  # characters of a tool's output; the server stores no more


class Tool(Call):
    __slots__ = ("_decoder", "_fields", "_output_left", "_question", "name")

    def __init__(
        self,
        run: "Run",
        agent_id: str | None,
        task_id: str | None,
        name: str,
        params: Mapping[str, Any] | None,
        execution_id: str | None = None,
        *,
        question: "Question | None" = None,
    ) -> None:
        """Begin the call. With a ``question`` it begins in its block, after it was approved."""
        super().__init__(run, agent_id, task_id, execution_id)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._output_left = ALL_OUTPUT
        self.name = str(name)
        self._question = question
        self._fields: dict[str, Any] = {}
        if not run.reporter.off:
            self._fields = {"execution_id": self._id, "tool": self.name}
            if params:
                self._fields["params"] = snapshot(dict(params))
        if question is None:
            self._begin()

    def _begin(self) -> None:
        if self._fields:
            self.run.emit("tool_start", self._placed(self._fields))

    def __enter__(self) -> "Tool":
        if (question := self._question) is not None:
            question.wait()
            self._begin_late()
        return super().__enter__()

    async def __aenter__(self) -> "Tool":
        if (question := self._question) is not None:
            await self.run.at_async_start()
            await question.wait_async()
            self._begin_late()
        return await super().__aenter__()

    def _begin_late(self) -> None:
        """Begin the call after it was approved."""
        self._question = None
        self._began = time.perf_counter()
        self._begin()

    @property
    def params(self) -> Any:
        """The parameters as they are shown, or None."""
        return self._fields.get("params")

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Report the progress of the call, from 0 to 1, and a message about its work."""
        fields: dict[str, Any] = {"execution_id": self._id}
        if fraction is not None:
            fields["progress"] = fraction
        if message is not None:
            fields["message"] = str(message)[:500]
        self.run.emit("tool_progress", fields)

    def output(self, text: Any) -> bool:
        """Report the tool's output since the last time. Bytes are read as UTF-8.

        None is no output. Another value that is no text becomes JSON. Return False if there was no
        room for it: too much at once, or more than the server stores of a tool.
        """
        if text is None or self.run.reporter.off:
            return True
        if isinstance(text, bytes | bytearray | memoryview):
            if not self.run.reporter.room_for(0):
                return False
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._decoder.decode(bytes(text))
        text = as_text(text)
        if is_cut := len(text) > self._output_left:
            text = text[: self._output_left]
            self.run.reporter.notices.log_once(
                "output", f"of each tool only the first {ALL_OUTPUT:,} characters are reported"
            )
        self._output_left -= len(text)
        about = {"execution_id": self._id}
        return self._send_text("tool_progress", about, "output", text) and not is_cut

    def end(
        self,
        status: str | None = None,
        *,
        exit_code: int | None = None,
        message: str | None = None,
    ) -> None:
        """End the call. The `with` block does this, too. Without `status` the exit code decides."""
        if self._ended:
            return
        if self._decoder is not None and (rest := self._decoder.decode(b"", True)):
            self.output(rest)
        self._ended = True
        fields: dict[str, Any] = {
            "execution_id": self._id,
            "status": status or ("error" if exit_code else "success"),
            "duration_s": self._lasted(),
        }
        if exit_code is not None:
            fields["exit_code"] = exit_code
        if message is not None:
            fields["message"] = str(message)[:500]
        self.run.emit("tool_end", fields)

    def result(self, value: Any) -> None:
        """Report the tool's result as its output: text and bytes as they are, the rest as JSON."""
        if value is None or self.run.reporter.off:
            return
        if not isinstance(value, bytes | bytearray):
            value = as_text(value)
        self.output(value[: 2 * OUTPUT])

    def _leave(self, error: BaseException | None) -> None:
        self.end(STATUS[outcome(error)], message=text_of(error) if error else None)
