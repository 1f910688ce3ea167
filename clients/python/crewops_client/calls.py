"""Model calls, and the base class that they share with tool calls."""

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .encoding import identifier
from .scope import Scope, outcome, text_of
from .text_chunks import pieces
from .value_snapshot import snapshot

if TYPE_CHECKING:
    from .runs import Run

TEXT = 16_000  # characters of the text of a model call in one event
ALL_TEXT = 1024 * 1024  # characters of a call's input, and of its output; the server stores no more


class Call(Scope):
    """The base of tool and model calls: each has an id, a start time and one end."""

    __slots__ = ("_id",)

    def __init__(
        self, run: "Run", agent_id: str | None, task_id: str | None, own_id: str | None
    ) -> None:
        super().__init__(run, agent_id, task_id)
        reporter = run.reporter
        self._id = identifier(own_id) if own_id else f"{reporter.prefix}c{next(reporter.numbers)}"
        self._began = time.perf_counter()

    def _placed(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.agent_id is not None:
            fields["agent_id"] = self.agent_id
        if self.task_id is not None:
            fields["task_id"] = self.task_id
        return fields

    def _send_text(self, kind: str, about: dict[str, Any], field: str, text: str) -> bool:
        """Send a text of any length in several events. Return False if there was no room for it."""
        length = len(text)
        if length > 1_000 and not self.run.reporter.room_for(length):
            self.run.reporter.lose(self.run.key)
            return False
        for piece in pieces(text):
            self.run.emit(kind, {**about, field: piece})
        return True

    def _lasted(self) -> float:
        return round(time.perf_counter() - self._began, 6)


STATUS = {"succeeded": "success", "failed": "error", "cancelled": "cancelled"}


class LLM(Call):
    __slots__ = ("_answer", "_first_token_s", "_text_left", "_usage")

    def __init__(
        self,
        run: "Run",
        agent_id: str | None,
        task_id: str | None,
        provider: str,
        model: str,
        input: Any = None,
        call_id: str | None = None,
    ) -> None:
        super().__init__(run, agent_id, task_id, call_id)
        self._usage: dict[str, Any] = {}
        self._first_token_s: float | None = None
        self._answer = ""
        self._text_left = {"input": ALL_TEXT, "output": ALL_TEXT}
        fields = {"call_id": self._id, "provider": str(provider), "model": str(model)}
        text = as_text(input) if input is not None and self._captures else ""
        if 0 < len(text) <= 1_000:
            fields["input"] = text
            self._text_left["input"] -= len(text)
        run.emit("llm_start", self._placed(fields))
        if len(text) > 1_000:
            self.input(text)

    @property
    def _captures(self) -> bool:
        return self.run.capture_text and not self.run.reporter.off

    def input(self, value: Any) -> None:
        """Report the model's input, if text is captured. A value that is no text becomes JSON."""
        if self._captures:
            self._capture("input", as_text(value))

    def output(self, text: Any = "") -> None:
        """Report a piece of the model's answer. Its text is sent only if text is captured.

        None is no text. Another value that is no text becomes JSON.
        """
        first = self._first_token_s is None
        if first:
            self._first_token_s = self._lasted()
        if self._captures and text is not None and (piece := as_text(text)):
            self._capture("output", piece)
        elif first:
            self.run.emit("llm_progress", {"call_id": self._id})

    def result(self, value: Any) -> None:
        """Report a whole answer that did not come in pieces. It does not time the first token."""
        if self._captures and value is not None and self._first_token_s is None:
            self._answer = as_text(value)[:TEXT]

    def _capture(self, part: str, text: str) -> None:
        text = text[: self._text_left[part]]
        self._text_left[part] -= len(text)
        self._send_text("llm_progress", {"call_id": self._id}, part, text)

    def usage(
        self,
        *,
        input: int | None = None,
        output: int | None = None,
        cached: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
        cost_usd: float | Decimal | None = None,
        model: str | None = None,
    ) -> None:
        """Report the tokens. `output` includes reasoning tokens. `input` includes the tokens read
        from the provider's cache (`cached`) and those written to it (`cache_write`).
        """
        given = {
            "input_tokens": input,
            "output_tokens": output,
            "cached_tokens": cached,
            "cache_write_tokens": cache_write or None,
            "reasoning_tokens": reasoning,
            "cost_usd": float(cost_usd) if isinstance(cost_usd, Decimal) else cost_usd,
            "model": model,
        }
        self._usage.update({key: value for key, value in given.items() if value is not None})

    def end(
        self,
        status: str = "success",
        *,
        finish_reason: str | None = None,
        message: str | None = None,
    ) -> None:
        """End the call. The end of the `with` block does this, too."""
        if self._ended:
            return
        self._ended = True
        fields = {"call_id": self._id, "status": status, "duration_s": self._lasted()}
        fields.update(self._usage)
        if self._first_token_s is not None:
            fields["first_token_s"] = self._first_token_s
        if finish_reason is not None:
            fields["finish_reason"] = str(finish_reason)
        if message is not None:
            fields["message"] = str(message)[:500]
        if self._answer:
            fields["output"] = self._answer
        self.run.emit("llm_end", fields)

    def _leave(self, error: BaseException | None) -> None:
        self.end(STATUS[outcome(error)], message=text_of(error) if error else None)


def as_text(value: Any) -> str:
    """Return a text as it is, and another value as JSON."""
    return value if isinstance(value, str) else json.dumps(snapshot(value), ensure_ascii=False)
