"""A run as its page shows it, read with a fixed number of queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

from django.utils import timezone

from runs import retries, transcript, workspaces
from runs.history import Entry, entries
from runs.models import Run, TaskExecution, ToolExecution, Worker
from runs.timeline import Timeline
from runs.tools.box import WEAKNESS

RETRIES_AT_MOST = 5
TOOLS_AT_MOST = 500  # the newest; a page of more is of use to nobody
TAIL_CHARS = 20_000  # of a tool's output, in the page as it is first sent
TAILS_AT_MOST = 40  # the newest tools' output comes with the page, older ones' is fetched

REASONS = {
    "task_failed": "A task failed",
    "worker_lost": "The worker was lost",
    "internal_error": "CrewOps itself failed",
    "workspace_lost": "The workspace is gone",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A call of a tool, or the plan of one: then ``execution`` is ``None``."""

    number: int
    tool: str
    execution: ToolExecution | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task of the plan and what has come of it."""

    task_id: str
    name: str
    agent_id: str
    agent: str
    status: str  # of the execution, or: pending, skipped
    execution: TaskExecution | None
    steps: list[Step]


class RunPage:
    """``run`` and all that its page says of it; ``with_output`` reads the ends of the outputs too."""

    TOOLS_AT_MOST = TOOLS_AT_MOST
    TAIL_CHARS = TAIL_CHARS
    EVENT_KINDS = (("all", "All"), ("task", "Tasks"), ("tool", "Tools"), ("trouble", "Trouble"))

    def __init__(self, run: Run, *, with_output: bool = False) -> None:
        self.run = run
        self._with_output = with_output
        self._executions = list(run.task_executions.order_by("order", "started_at"))
        of = {execution.pk: execution for execution in self._executions}
        newest = (
            ToolExecution.objects.whoever_asks()
            .filter(task_execution__in=of)
            .order_by("-started_at", "-id")
        )
        self._tools = list(newest[: TOOLS_AT_MOST + 1])[::-1]
        self.leaves_out = len(self._tools) > TOOLS_AT_MOST
        self._tools = self._tools[-TOOLS_AT_MOST:]
        for tool in self._tools:
            tool.task_execution = of[tool.task_execution_id]
        # Taken after reading: nothing that was read is in the future.
        self.now: datetime = timezone.now()

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.run, self._executions, self._tools, now=self.now)

    @cached_property
    def history(self) -> list[Entry]:
        return entries(self.run, self._executions, self._tools)

    @cached_property
    def tasks(self) -> list[TaskRow]:
        return list(self._task_rows())

    @property
    def done(self) -> int:
        """Tasks that have ended, however they did."""
        return sum(task.execution is not None and task.status != "running" for task in self.tasks)

    @property
    def reason(self) -> str:
        return REASONS.get(self.run.reason, self.run.reason.replace("_", " ").capitalize())

    @property
    def culprit(self) -> ToolExecution | None:
        """The tool that a failed run failed with."""
        failed = [tool for tool in self._tools if tool.status not in ("success", "running")]
        return failed[-1] if failed and self.run.status == Run.Status.FAILED else None

    @property
    def shown_first(self) -> Any:
        """Primary key of the tool whose output one wants to see: the running, failed or last one."""
        running = [tool for tool in self._tools if tool.status == "running"]
        tool = running[-1] if running else self.culprit or (self._tools or [None])[-1]
        return tool and tool.pk

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
        newest = self.run.retries.order_by("-created_at", "-pk")
        return list(newest[:RETRIES_AT_MOST])[::-1]

    @property
    def carried(self) -> list[dict[str, str]]:
        """Tasks that earlier runs have done, with their agents' names."""
        names = {agent["agent_id"]: agent["name"] for agent in self.run.plan["agents"]}
        return [
            task | {"agent": names.get(task["agent_id"], task["agent_id"])}
            for task in self.run.carried
        ]

    @cached_property
    def worker_alive(self) -> bool:
        return Worker.objects.alive().exists()

    def _task_rows(self) -> Iterator[TaskRow]:
        names = {agent["agent_id"]: agent["name"] for agent in self.run.plan["agents"]}
        executions = {str(execution.task_id): execution for execution in self._executions}
        tails = {}
        if self._with_output:
            tails = transcript.tails(self._tools[-TAILS_AT_MOST:], TAIL_CHARS)
        for task in self.run.plan["tasks"]:
            execution = executions.get(task["task_id"])
            status = execution.status if execution else self._status_of_unstarted
            yield TaskRow(
                task_id=task["task_id"],
                name=task["name"],
                agent_id=task["agent_id"],
                agent=names.get(task["agent_id"], task["agent_id"]),
                status=status,
                execution=execution,
                steps=list(self._steps(task, execution, tails)),
            )

    @property
    def _status_of_unstarted(self) -> str:
        return "skipped" if self.run.is_over else "pending"

    def _steps(
        self, task: dict[str, Any], execution: TaskExecution | None, tails: dict[Any, str]
    ) -> Iterator[Step]:
        called = [t for t in self._tools if execution and t.task_execution_id == execution.pk]
        for number, tool in enumerate(called, start=1):
            yield Step(number, tool.tool, tool, transcript.plain(tails.get(tool.pk, "")))
        # Of what is still to come only the name is shown: its parameters have not been redacted.
        if execution is None or execution.status == TaskExecution.Status.RUNNING:
            for number, step in enumerate(task["steps"][len(called) :], start=len(called) + 1):
                yield Step(number, step["tool"])
