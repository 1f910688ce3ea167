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

from runs.models import Run, ToolExecution, Worker, retry
from runs.pages.history import reason_of
from runs.pages.pauses import pauses_of
from runs.pages.run_outline import PlannedTask
from runs.pages.run_steps import TAIL_CHARS, RunSteps
from runs.pages.task_rows import TaskRow
from runs.pages.timeline import Timeline
from runs.pages.versions import version
from runs.tools.box import TIER_WARNINGS

RETRIES_AT_MOST = 5
SEGMENTS_AT_MOST = 60


class RunPage(RunSteps):
    """``run`` and the data of its page. ``with_output`` also reads the ends of the outputs."""

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
            pauses=pauses_of(self.controls, self.run.ended_at or self.now),
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
        return reason_of(self.run)

    @property
    def waited_s(self) -> float:
        """Seconds that the run has been or was queued."""
        until = self.run.started_at or self.run.ended_at or self.now
        return max((until - self.run.created_at).total_seconds(), 0.0)

    @property
    def tier_warning(self) -> str:
        """The warning about the tier of the run's tools; "" if it has none or is unknown."""
        return TIER_WARNINGS.get(self.run.tools_tier, "")

    @property
    def can_resume(self) -> bool:
        """Whether a retry can continue from the failed task."""
        if self.run.is_reported:
            return False
        return retry.rest_of(self.run) is not None and retry.can_transfer_workspace(self.run)

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
