"""What the page of a run reads: with a fixed number of queries, and of a large run a part."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils import timezone

from runs.history import Entry, entries
from runs.models import Run, ToolExecution
from runs.run_outline import outline_of
from runs.run_window import Window

TOOLS_AT_MOST = 100  # the newest; a page of more is of use to nobody
EVENTS_AT_MOST = 100  # of a large run, the newest
RUNNING_AT_MOST = 5  # tasks at work that are open by themselves


class RunRecord:
    """``run``, all its task executions, and the tools of the tasks that are open."""

    def __init__(
        self, run: Run, *, with_output: bool = False, window: Window | None = None
    ) -> None:
        self.run = run
        self.window = window or Window()
        self.outline = outline_of(run)
        self._with_output = with_output
        self._executions = list(run.task_executions.order_by("order", "started_at"))
        self._execution_of = {str(execution.task_id): execution for execution in self._executions}
        self._of = {execution.pk: execution for execution in self._executions}
        self.is_large = self.outline.is_large
        self._culprit = self._failed_with() if self.is_large else None
        self.at = self._task_at()
        self._tools = self._read_tools()
        # Taken after reading: nothing that was read is in the future.
        self.now: datetime = timezone.now()

    def _read_tools(self) -> list[ToolExecution]:
        """The newest tools of the tasks that are open, oldest first."""
        of = [self._execution_of[task].pk for task in self.open_tasks if task in self._execution_of]
        newest = self._calls().filter(task_execution__in=of).order_by("-started_at", "-id")
        tools = list(newest[: TOOLS_AT_MOST + 1])[::-1]
        self.leaves_out = len(tools) > TOOLS_AT_MOST
        for tool in tools:
            tool.task_execution = self._of[tool.task_execution_id]
        return tools[-TOOLS_AT_MOST:]

    @staticmethod
    def _calls() -> Any:
        return ToolExecution.objects.whoever_asks()

    def _failed_with(self) -> ToolExecution | None:
        failed = [task.pk for task in self._executions if task.status == "failed"]
        if self.run.status != Run.Status.FAILED or not failed:
            return None
        tools = self._calls().filter(task_execution__in=failed)
        tool = tools.exclude(status__in=("success", "running")).order_by("started_at", "id").last()
        if tool:
            tool.task_execution = self._of[tool.task_execution_id]
        return tool

    def _task_at(self) -> str:
        """Id of the task that one wants to see: that asked for, at work, at fault, or the last."""
        at = self.window.at
        if at and at not in self.outline.number_of:
            tool = self._calls().filter(task_execution__in=self._of, pk=at).first()
            at = str(self._of[tool.task_execution_id].task_id) if tool else ""
        if at:
            return at
        running = [task for task in self._executions if task.status == "running"]
        if self._culprit and not running:
            return str(self._culprit.task_execution.task_id)
        last = (running or self._executions or [None])[-1]
        return str(last.task_id) if last else ""

    @cached_property
    def open_tasks(self) -> list[str]:
        """Ids of the tasks whose tools are shown: all, of a large run a few."""
        if not self.is_large:
            return list(self._execution_of)
        running = [str(task.task_id) for task in self._executions if task.status == "running"]
        opened = [task for task in self.outline.number_of if task in self.window.opened]
        return list(dict.fromkeys([*opened, *running[-RUNNING_AT_MOST:], *filter(None, [self.at])]))

    @cached_property
    def history(self) -> list[Entry]:
        if not self.is_large:
            return entries(self.run, self._executions, self._tools, self.outline)
        newest = sorted(self._executions, key=lambda task: task.started_at)[-EVENTS_AT_MOST:]
        agents = {task.agent_id for task in newest}
        tasks = [task for task in self._executions if task.agent_id in agents]
        calls = self._calls().filter(
            task_execution__in=[task.pk for task in newest[-RUNNING_AT_MOST:]]
        )
        tools = list(calls.order_by("-started_at", "-id")[:EVENTS_AT_MOST])[::-1]
        for tool in tools:
            tool.task_execution = self._of[tool.task_execution_id]
        return entries(self.run, tasks, tools, self.outline)[-EVENTS_AT_MOST:]
