"""Applies a reporter's tool calls to its run."""

from datetime import datetime
from functools import cached_property
from typing import Any

from runs.execution.known_secrets import forms
from runs.execution.redaction import redact, redact_params, secrets_in
from runs.models import TaskExecution, ToolExecution
from runs.models.tool_execution import ToolExecutionQuerySet
from runs.reporting import reported_kinds as kinds
from runs.reporting.event_parsing import redacted
from runs.reporting.locked_rows import LockedRows
from runs.reporting.reported_kinds import InvalidEvent

OPEN_TOOLS_AT_MOST = 1000  # of a run
OUTPUT_AT_MOST = 4 * 1024 * 1024  # characters of a tool's output


class ToolCalls(LockedRows):
    """A part of `EventApplier`: its methods for the kinds ``tool_*``."""

    def _tool_start(self, event: kinds.ToolStart, end: kinds.ToolEnd | None = None) -> None:
        if self._tool(event.execution_id) is None:
            at = self._at(event)
            if not end:  # one that has ended is not open
                self._check_number(ToolExecution, OPEN_TOOLS_AT_MOST, "tools open")
            task = self._task_for(event.task_id, event.agent_id, at)
            ending = end and self._tool_ending(end, at)
            self._begin_tool(event.execution_id, event.tool, task, event.params, at, ending)
        elif end:
            self._tool_end(end)

    def _tool_progress(self, event: kinds.ToolProgress) -> None:
        tool = self._tool(event.execution_id) or self._unknown_tool(event, self._at(event))
        if tool.status != ToolExecution.Status.RUNNING:
            raise InvalidEvent("invalid", "execution_id: this tool has ended.")
        message = event.message and redact(event.message)
        self._report(tool, event.output, message=message, progress=event.progress)

    def _tool_end(self, event: kinds.ToolEnd) -> None:
        at = self._at(event)
        tool = self._tool(event.execution_id)
        tool = tool or self._unknown_tool(event, self._before(at, event.duration_s))
        if tool.status != ToolExecution.Status.RUNNING:
            return  # only the first end counts
        if event.output:
            self._report(tool, event.output)
        tool.end(**self._tool_ending(event, tool.started_at))

    def _tool_ending(self, event: kinds.ToolEnd, began: datetime) -> dict[str, Any]:
        """The arguments of `ToolExecution.end`."""
        is_cancelled = event.status == "cancelled"
        message = event.message  # an empty one replaces that of the last progress
        if is_cancelled and not message:
            message = "Cancelled."
        return {
            "status": "error" if is_cancelled else event.status,
            "exit_code": event.exit_code,
            "message": message and redact(message),
            "at": self._ended(began, self._at(event), event.duration_s),
        }

    def _begin_tool(
        self,
        execution_id: str,
        tool: str,
        task: TaskExecution,
        params: Any,
        at: datetime,
        ending: dict[str, Any] | None = None,
    ) -> ToolExecution:
        if params is not None and not isinstance(params, dict):
            params = {"value": params}
        return self._all_tools.start(
            id=self._id("tool", execution_id),
            task_execution=task,
            tool=redacted("tool", tool),
            params=redact_params(params or {}, forms(secrets_in(params))),
            at=at,
            ending=ending,
        )

    @cached_property
    def _all_tools(self) -> ToolExecutionQuerySet:
        """Made once, because it takes as long as the start of a tool."""
        return ToolExecution.objects.all()

    def _unknown_tool(self, event: kinds.ToolProgress | kinds.ToolEnd, at: datetime):
        """Create a tool whose start was not received, or arrives later."""
        self._check_number(ToolExecution, OPEN_TOOLS_AT_MOST, "tools open")
        task = self._task_for(None, None, at)
        return self._begin_tool(event.execution_id, "unknown", task, None, at)

    def _report(self, tool: ToolExecution, output: str, **details: Any) -> None:
        if tool.output_length + len(output) > OUTPUT_AT_MOST:
            raise InvalidEvent("limit", f"The tool has written {OUTPUT_AT_MOST} characters.")
        tool.report(output=redact(output), **details)
