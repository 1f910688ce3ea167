"""The data of the run page, read with a fixed number of queries.

The page of a large run shows a part of it: a page of its tasks, with the most relevant ones open,
the lanes at work, and the newest events. So its cost does not grow with the run.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import uuid4

from django.db.models import Count

from runs.models import Run, TaskExecution, ToolExecution, Worker, retry
from runs.pages import transcript
from runs.pages.run_history import RunHistory
from runs.pages.run_outline import PlannedTask
from runs.pages.run_record import TOOLS_AT_MOST
from runs.pages.task_rows import Step, TaskRow
from runs.pages.timeline import Timeline
from runs.pages.versions import version
from runs.tools.box import WEAKNESS

RETRIES_AT_MOST = 5
STEPS_TO_COME = 20  # limit for the future steps shown of a running task
SEGMENTS_AT_MOST = 60
TAIL_CHARS = 20_000  # of a tool's output, in the first response
TAILS_AT_MOST = 20  # tools with output in the page, the newest; other output is fetched later

REASONS = {
    "task_failed": "A task failed",
    "worker_lost": "The worker was lost",
    "reporter_lost": "The reporting program was lost",
    "internal_error": "CrewOps itself failed",
    "workspace_lost": "The workspace is gone",
    "cancelled": "Cancelled",
}


class RunPage(RunHistory):
    """``run`` and the data of its page. ``with_output`` also reads the ends of the outputs."""

    TOOLS_AT_MOST = TOOLS_AT_MOST
    TAIL_CHARS = TAIL_CHARS

    @property
    def event_kinds(self) -> list[tuple[str, str]]:
        """The filters of the event list, with their labels."""
        models = [("llm", "Models")] if self.run.is_reported else []
        kinds = [("all", "All"), ("task", "Tasks"), ("tool", "Tools")]
        return [*kinds, *models, ("trouble", "Trouble")]

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(
            self.run,
            self._executions,
            self._tools,
            now=self.now,
            outline=self.outline,
            lanes=self.lanes,
            begun=self.statuses,
            calls=self.model_calls,
        )

    @cached_property
    def events_version(self) -> str:
        return version("events", [entry.version for entry in self.history])

    @cached_property
    def tasks(self) -> list[TaskRow]:
        return list(self._task_rows())

    @property
    def segments(self) -> list[dict[str, Any]]:
        """Neighbouring tasks with the same status, for the progress bar of the whole run."""
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
        """The number of tasks that have ended, with any status."""
        return sum(status != "running" for status in self.statuses.values())

    @property
    def at_work(self) -> int:
        """The number of tasks that are running."""
        return len(self.statuses) - self.done

    @property
    def reason(self) -> str:
        return REASONS.get(self.run.reason, self.run.reason.replace("_", " ").capitalize())

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

    @property
    def waited_s(self) -> float:
        """Seconds that the run has been or was queued."""
        until = self.run.started_at or self.run.ended_at or self.now
        return max((until - self.run.created_at).total_seconds(), 0.0)

    @property
    def weakness(self) -> str:
        """The weakness of the tier of the run's tools; "" if it has none or is unknown."""
        return WEAKNESS.get(self.run.tools_tier, "")

    @property
    def can_resume(self) -> bool:
        """Whether a retry can continue from the failed task."""
        if self.run.is_reported:
            return False
        return retry.rest_of(self.run) is not None and retry.can_hand_on_workspace(self.run)

    @cached_property
    def again_keys(self) -> dict[str, str]:
        """Idempotency keys, so that each retry form starts one run, however often it is sent."""
        return {"start": str(uuid4()), "failed": str(uuid4())}

    @cached_property
    def retries(self) -> list[Run]:
        """The newest runs that repeat or continue this one, oldest first."""
        if not self.run.is_over:
            return []
        newest = self.run.retries.order_by("-created_at", "-pk").defer("plan")
        if self.past:
            newest = newest.filter(created_at__lte=self.now)
        return list(newest[:RETRIES_AT_MOST])[::-1]

    @property
    def carried(self) -> list[dict[str, str]]:
        """Tasks that earlier runs have completed, with their agents' names."""
        names = self.outline.names
        return [
            task | {"agent": names.get(task["agent_id"], task["agent_id"])}
            for task in self.outline.carried
        ]

    @cached_property
    def worker_alive(self) -> bool:
        return Worker.objects.alive().exists()

    def _task_rows(self) -> Iterator[TaskRow]:
        tails = self._tails()
        called: dict[Any, list[ToolExecution]] = {}
        for tool in self._tools:
            called.setdefault(tool.task_execution_id, []).append(tool)
        shown = self.outline.tasks
        if self.is_large:
            shown = shown[self.first - 1 : self.last]
        counts = self._step_counts(shown) if self.is_large and self.run.is_reported else {}
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
                step_count=counts.get(task.task_id, len(task.tools)),
                run_status=self.run.status,
            )

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

    def _step_counts(self, tasks: list[PlannedTask]) -> dict[str, int]:
        """Return how many tools each of these tasks has called. No plan lists these calls."""
        closed = [task.task_id for task in tasks if task.task_id not in self.open_tasks]
        of = {e.pk: id for id in closed if (e := self._execution_of.get(id))}
        calls = self._calls().filter(task_execution__in=of).order_by().values("task_execution")
        counted = calls.annotate(count=Count("pk")).values_list("task_execution", "count")
        return {of[pk]: count for pk, count in counted}

    def _status(self, task: PlannedTask) -> str:
        if status := self.statuses.get(task.task_id):
            return status
        return "skipped" if self.run.is_over else "pending"

    def _steps(
        self,
        task: PlannedTask,
        execution: TaskExecution | None,
        called: list[ToolExecution],
        tails: dict[Any, str],
    ) -> Iterator[Step]:
        for number, tool in enumerate(called, start=1):
            yield Step(
                number,
                tool.tool,
                tool,
                tails.get(tool.pk, ""),
                has_body=not self.is_large or self._is_wanted(tool),
                is_open=tool.pk == self.shown_first,
                has_past_output=self.past is not None and tool.pk in tails,
            )
        # Of future steps only the name is shown: their parameters have not been redacted.
        if execution is None or execution.status == TaskExecution.Status.RUNNING:
            begun = len(called)
            if execution and self.leaves_out and task.tools:
                begun = self._calls().filter(task_execution=execution).count()
            waiting = self.waiting.get(task.task_id, [])
            for number, approval in enumerate(waiting, start=begun + 1):
                yield Step(number, approval.tool, approval=approval)
            begun += len(waiting)
            for number, tool in enumerate(task.tools[begun:][:STEPS_TO_COME], start=begun + 1):
                yield Step(number, tool)
