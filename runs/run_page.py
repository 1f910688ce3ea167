"""A run as its page shows it, read with a fixed number of queries.

The page of a large run shows a part: a page of its tasks, of which those are open that one wants to
see first, the lanes at work, and the newest events. So what it costs does not grow with the run.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import uuid4

from runs import retries, transcript, workspaces
from runs.models import Run, TaskExecution, ToolExecution, Worker
from runs.run_outline import TASKS_AT_ONCE, PlannedTask
from runs.run_record import TOOLS_AT_MOST, RunRecord
from runs.task_rows import Step, TaskRow
from runs.timeline import Timeline
from runs.tools.box import WEAKNESS
from runs.versions import version

RETRIES_AT_MOST = 5
STEPS_TO_COME = 20  # of a task at work, which are shown
SEGMENTS_AT_MOST = 60
TAIL_CHARS = 20_000  # of a tool's output, in the page as it is first sent
TAILS_AT_MOST = 20  # the newest tools' output comes with the page, older ones' is fetched

REASONS = {
    "task_failed": "A task failed",
    "worker_lost": "The worker was lost",
    "internal_error": "CrewOps itself failed",
    "workspace_lost": "The workspace is gone",
    "cancelled": "Cancelled",
}


class RunPage(RunRecord):
    """``run`` and all that its page says of it; ``with_output`` reads the ends of the outputs too."""

    TOOLS_AT_MOST = TOOLS_AT_MOST
    TAIL_CHARS = TAIL_CHARS
    EVENT_KINDS = (("all", "All"), ("task", "Tasks"), ("tool", "Tools"), ("trouble", "Trouble"))

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.run, self._executions, self._tools, now=self.now, outline=self.outline)

    @property
    def events_version(self) -> str:
        return version("events", [entry.version for entry in self.history])

    @cached_property
    def tasks(self) -> list[TaskRow]:
        return list(self._task_rows())

    @property
    def page_count(self) -> int:
        return max(-(-len(self.outline.tasks) // TASKS_AT_ONCE), 1) if self.is_large else 1

    @cached_property
    def number(self) -> int:
        """Of the page of tasks, from 1."""
        asked = self.window.page
        if asked is None:
            asked = self.outline.number_of.get(self.at, 0) // TASKS_AT_ONCE + 1
        return min(max(asked, 1), self.page_count)

    @property
    def first(self) -> int:
        """Of the tasks on this page, counted from 1."""
        return (self.number - 1) * TASKS_AT_ONCE + 1

    @property
    def last(self) -> int:
        return min(self.number * TASKS_AT_ONCE, len(self.outline.tasks))

    @property
    def segments(self) -> list[dict[str, Any]]:
        """Neighbouring tasks of one status, as the bar of the whole run shows them."""
        statuses = [self._status(task) for task in self.outline.tasks]
        if not self.is_large:
            names = [task.name for task in self.outline.tasks]
            return [
                {"status": status, "title": f"{name}: {status}", "count": 1}
                for name, status in zip(names, statuses, strict=True)
            ]
        groups = [(status, sum(1 for _ in group)) for status, group in groupby(statuses)]
        if len(groups) > SEGMENTS_AT_MOST:
            groups = list(Counter(statuses).items())
        return [
            {"status": status, "title": f"{count} {status}", "count": count}
            for status, count in groups
        ]

    @property
    def done(self) -> int:
        """Tasks that have ended, however they did."""
        return sum(execution.status != "running" for execution in self._execution_of.values())

    @property
    def reason(self) -> str:
        return REASONS.get(self.run.reason, self.run.reason.replace("_", " ").capitalize())

    @property
    def culprit(self) -> ToolExecution | None:
        """The tool that a failed run failed with."""
        if self.is_large:
            return self._culprit
        failed = [tool for tool in self._tools if tool.status not in ("success", "running")]
        return failed[-1] if failed and self.run.status == Run.Status.FAILED else None

    @cached_property
    def shown_first(self) -> Any:
        """Primary key of the tool whose output one wants to see: the running, failed or last one."""
        running = [tool for tool in self._tools if tool.status == "running"]
        asked = [tool for tool in self._tools if str(tool.pk) == self.window.at]
        last = (asked or running or [self.culprit or (self._tools or [None])[-1]])[-1]
        return last and last.pk

    @property
    def waited_s(self) -> float:
        """Seconds the run was, or has been, queued."""
        until = self.run.started_at or self.run.ended_at or self.now
        return max((until - self.run.created_at).total_seconds(), 0.0)

    @property
    def weakness(self) -> str:
        """What the box of the run's tools lacked, "" where nothing did or nobody knows."""
        return WEAKNESS.get(self.run.tools_tier, "")

    @property
    def can_resume(self) -> bool:
        """Whether a retry could go on from the failed task."""
        return retries.rest_of(self.run) is not None and workspaces.can_be_handed_on(self.run)

    @cached_property
    def again_keys(self) -> dict[str, str]:
        """Make each of the forms that run it again start one run, however often it is sent."""
        return {"start": str(uuid4()), "failed": str(uuid4())}

    @cached_property
    def retries(self) -> list[Run]:
        """The newest runs that repeat this one or go on with it, oldest first."""
        newest = self.run.retries.order_by("-created_at", "-pk").defer("plan")
        return list(newest[:RETRIES_AT_MOST])[::-1]

    @property
    def carried(self) -> list[dict[str, str]]:
        """Tasks that earlier runs have done, with their agents' names."""
        names = self.outline.names
        return [
            task | {"agent": names.get(task["agent_id"], task["agent_id"])}
            for task in self.outline.carried
        ]

    @cached_property
    def worker_alive(self) -> bool:
        return Worker.objects.alive().exists()

    def _task_rows(self) -> Iterator[TaskRow]:
        tails = {}
        if self._with_output:
            tails = transcript.tails(self._tools[-TAILS_AT_MOST:], TAIL_CHARS)
        called: dict[Any, list[ToolExecution]] = {}
        for tool in self._tools:
            called.setdefault(tool.task_execution_id, []).append(tool)
        shown = self.outline.tasks
        if self.is_large:
            shown = shown[self.first - 1 : self.last]
        for task in shown:
            execution = self._execution_of.get(task.task_id)
            tools = called.get(execution.pk, []) if execution else []
            is_closed = self.is_large and task.task_id not in self.open_tasks
            yield TaskRow(
                task_id=task.task_id,
                name=task.name,
                agent_id=task.agent_id,
                agent=self.outline.names.get(task.agent_id, task.agent_id),
                status=self._status(task),
                execution=execution,
                steps=[] if is_closed else list(self._steps(task, execution, tools, tails)),
                is_closed=is_closed,
                step_count=len(task.tools),
                run_status=self.run.status,
            )

    def _status(self, task: PlannedTask) -> str:
        if execution := self._execution_of.get(task.task_id):
            return execution.status
        return "skipped" if self.run.is_over else "pending"

    def _steps(
        self,
        task: PlannedTask,
        execution: TaskExecution | None,
        called: list[ToolExecution],
        tails: dict[Any, str],
    ) -> Iterator[Step]:
        for number, tool in enumerate(called, start=1):
            is_open = tool.pk == self.shown_first
            wanted = is_open or tool.status == "running" or str(tool.pk) in self.window.opened
            yield Step(
                number,
                tool.tool,
                tool,
                transcript.plain(tails.get(tool.pk, "")),
                has_body=not self.is_large or wanted,
                is_open=is_open,
            )
        # Of what is still to come only the name is shown: its parameters have not been redacted.
        if execution is None or execution.status == TaskExecution.Status.RUNNING:
            begun = len(called)
            if execution and self.leaves_out:
                begun = self._calls().filter(task_execution=execution).count()
            for number, tool in enumerate(task.tools[begun:][:STEPS_TO_COME], start=begun + 1):
                yield Step(number, tool)
