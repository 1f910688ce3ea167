"""The steps of the tasks of a run page: tool calls, those that wait or were refused, and planned
ones.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from runs.models import Approval, Run, TaskExecution, ToolExecution
from runs.pages import transcript
from runs.pages.run_history import RunHistory
from runs.pages.run_outline import PlannedTask
from runs.pages.task_rows import Step

STEPS_TO_COME = 20  # limit for the future steps shown of a running task
TAIL_CHARS = 20_000  # of a tool's output, in the first response
TAILS_AT_MOST = 20  # tools with output in the page, the newest; other output is fetched later


class RunSteps(RunHistory):
    """``run`` with the steps of its tasks."""

    @property
    def failed_tool(self) -> ToolExecution | None:
        """The tool that made a failed run fail."""
        if self.is_large:
            return self._failed_tool
        failed = [tool for tool in self._tools if tool.status not in ("success", "running")]
        return failed[-1] if failed and self.run.status == Run.Status.FAILED else None

    @cached_property
    def shown_first(self) -> Any:
        """Primary key of the tool whose output is shown first: the running, failed or last one."""
        running = [tool for tool in self._tools if tool.status == "running"]
        asked = [tool for tool in self._tools if str(tool.pk) == self.window.at]
        last = (asked or running or [self.failed_tool or (self._tools or [None])[-1]])[-1]
        return last and last.pk

    def _tails(self) -> dict[Any, str]:
        """The ends of outputs. A page of the past has all that it shows of them."""
        if self.past:
            wanted = [tool for tool in self._tools if self._is_wanted(tool)]
            return transcript.tails_until(wanted[-TAILS_AT_MOST:], TAIL_CHARS)
        if self._with_output:
            return transcript.tails(self._tools[-TAILS_AT_MOST:], TAIL_CHARS)
        return {}

    def _is_wanted(self, tool: ToolExecution) -> bool:
        is_open = tool.pk == self.shown_first or tool.status == "running"
        return is_open or str(tool.pk) in self.window.opened

    def _steps(
        self,
        task: PlannedTask,
        execution: TaskExecution | None,
        called: list[ToolExecution],
        tails: dict[Any, str],
    ) -> Iterator[Step]:
        refused, is_newest = self.refused.get(task.task_id, []), True
        if self.is_large and task.task_id == self.at:
            refused = [one for one in refused if self.tool_pages.has(one.requested_at)]
            is_newest = self.tool_pages.before is None
        for number, call in enumerate(_in_order(called, refused), start=1):
            if isinstance(call, Approval):
                yield Step(number, call.tool, approval=call)
            else:
                yield self._called(number, call, tails.get(call.pk))
        # Of future steps only the name is shown: their parameters have not been redacted.
        has_future = execution is None or execution.status == TaskExecution.Status.RUNNING
        if has_future and is_newest:
            begun = len(called)
            if execution and self.leaves_out and task.tools:
                begun = self._calls().filter(task_execution=execution).count()
            begun += len(refused)
            waiting = self.waiting.get(task.task_id, [])
            for number, approval in enumerate(waiting, start=begun + 1):
                yield Step(number, approval.tool, approval=approval)
            begun += len(waiting)
            for number, tool in enumerate(task.tools[begun:][:STEPS_TO_COME], start=begun + 1):
                yield Step(number, tool)

    def _called(self, number: int, tool: ToolExecution, tail: str | None) -> Step:
        return Step(
            number,
            tool.tool,
            tool,
            tail or "",
            has_body=not self.is_large or self._is_wanted(tool),
            is_open=tool.pk == self.shown_first,
            has_past_output=self.past is not None and tail is not None,
        )


def _in_order(
    called: list[ToolExecution], refused: list[Approval]
) -> list[ToolExecution | Approval]:
    """All calls of a task, in the order in which they began or asked."""
    if not refused:
        return [*called]
    began = {call.pk: call.started_at for call in called}
    began |= {call.pk: call.requested_at for call in refused}
    return sorted([*called, *refused], key=lambda call: began[call.pk])
