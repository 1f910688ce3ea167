"""Emits the events of a tool. A tool changes the models only through this module."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from runs.execution.redaction import redact, redact_params, secrets_in
from runs.execution.retry_on_outage import retry_on_outage
from runs.execution.stream_redaction import StreamRedactor
from runs.models import TaskExecution, ToolExecution
from runs.tools.base import Outcome, Pause

EVENTS_PER_SECOND = 20  # limit for one execution
# Limit for the text of one event, as JSON. With message and ids the event stays below 64 KiB.
OUTPUT_BYTES = 56 * 1024

logger = logging.getLogger(__name__)


class ToolEventEmitter:
    """Writes one `ToolExecution`: start, any number of progress reports, end.

    Reports that come faster than `EVENTS_PER_SECOND` are merged. Of messages and progress the last
    one counts. Output is concatenated, so it arrives complete and in order. Everything is redacted.
    `secrets` are values known to be secret; secrets found in the parameters are added to them.
    `cancelled` returns whether the tool has to stop. With a `pause` a tool can be paused.
    """

    def __init__(
        self,
        task_execution: TaskExecution,
        *,
        cancelled: Callable[[], bool],
        pause: Pause | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self._task_execution = task_execution
        self._is_cancelled = cancelled
        self.pause = pause
        self._secrets = set(secrets)
        self._message: str | None = None
        self._progress: float | None = None
        self._output = ""
        self._reported = 0  # characters of output
        self._due_at = 0.0

    def start(self, tool: str, params: dict[str, Any]) -> ToolExecution:
        """Create the execution; raises InvalidState when its task is not running."""
        self._secrets |= secrets_in(params)
        self._redactor = StreamRedactor(self._secrets)
        self._execution = retry_on_outage(
            ToolExecution.objects.start,
            id=uuid4(),
            task_execution=self._task_execution,
            tool=tool,
            params=redact_params(params, self._redactor.secrets),
        )
        logger.info("tool_start %s %s", tool, self._execution.pk)
        return self._execution

    def progress(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str | None = None,
    ) -> None:
        """Report any of: a message, the progress (0..1), the output since the last call.

        Raises InvalidState if the execution has been ended by another process.
        """
        if message is not None:
            self._message = redact(message, self._redactor.secrets)
        if progress is not None:
            self._progress = progress
        if output:
            self._output += self._redactor.feed(output)
        self._report_if_due()

    def cancelled(self) -> bool:
        """Whether the tool has to stop. Also reports what was delayed by the rate limit."""
        self._output += self._redactor.idle()
        self._report_if_due()
        return self._is_cancelled()

    def end(self, outcome: Outcome) -> Outcome:
        """Report what is pending and then the end. Returns the outcome with a redacted message."""
        redacted = replace(outcome, message=redact(outcome.message, self._redactor.secrets))
        self._output += self._redactor.finish()
        while self._pending():
            time.sleep(max(0.0, self._due_at - time.monotonic()))
            self._report_if_due()
        retry_on_outage(
            self._execution.end,
            redacted.status,
            exit_code=redacted.exit_code,
            message=redacted.message,
        )
        logger.info(
            "tool_end %s %s: %s, exit code %s",
            self._execution.tool,
            self._execution.pk,
            outcome.status,
            outcome.exit_code,
        )
        return redacted

    def _pending(self) -> bool:
        return bool(self._output) or self._message is not None or self._progress is not None

    def _report_if_due(self) -> None:
        now = time.monotonic()
        if now < self._due_at or not self._pending():
            return
        self._due_at = now + 1 / EVENTS_PER_SECOND
        message, progress, output = self._message, self._progress, _first(self._output)
        self._message = self._progress = None
        self._output = self._output[len(output) :]
        retry_on_outage(
            self._execution.report,
            message=message,
            progress=progress,
            output=output,
            offset=self._reported,
        )
        self._reported += len(output)
        logger.debug(
            "tool_progress %s %s: %s, progress %s, %d characters of output",
            self._execution.tool,
            self._execution.pk,
            message,
            progress,
            len(output),
        )


def _first(text: str) -> str:
    """Return a prefix of `text` that fits into one event."""
    piece = text[:OUTPUT_BYTES]
    while _json_bytes(piece) > OUTPUT_BYTES:
        piece = piece[: len(piece) * 3 // 4]
    return piece


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))
