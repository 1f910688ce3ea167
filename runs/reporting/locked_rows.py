"""The rows that a batch of events may change, each locked and read once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Model, Q, QuerySet, UUIDField
from django.db.models.lookups import In

from crews.batches import WriteBatch
from crews.compiled_queries import AnyOf, BindList, BindParam, Select
from crews.scoping import NotByIndex
from runs.models import (
    AgentExecution,
    Control,
    ModelCall,
    ReportedRun,
    Run,
    TaskExecution,
    ToolExecution,
)
from runs.reporting.reported_kinds import AgentEnd, InvalidEvent, ReportedEvent, TaskEnd
from runs.reporting.reported_times import ReportedTimes

RUNNING = Q(status="running")
RUN, IDS = BindParam("run", UUIDField()), BindList("ids", UUIDField())
AGENTS = Select(lambda: AgentExecution.objects.select_for_update().filter(RUNNING, run=RUN))
TASKS = Select(
    lambda: TaskExecution.objects.select_for_update().filter(
        RUNNING | Q(AnyOf(F("task_id"), IDS)), run=RUN
    )
)
CALLS = Select(lambda: ModelCall.objects.select_for_update().filter(AnyOf(F("pk"), IDS), run=RUN))
TOOLS = Select(
    lambda: (
        ToolExecution.objects.select_for_update(of=("self",))
        .select_related("task_execution")
        .filter(AnyOf(F("pk"), IDS))
    )
)


class LockedRows(ReportedTimes):
    """A part of `EventApplier`. It finds rows of the run in ``batch``, where they are attached."""

    def __init__(
        self, run: Run, reported: ReportedRun, received: datetime, batch: WriteBatch | None = None
    ) -> None:
        super().__init__(run, reported, received)
        self._batch = batch
        self._tasks: dict[UUID, TaskExecution] = {}
        self._at_work: list[UUID] = []  # tasks that are running in the database
        self._controls: dict[str, Control] = {}
        # Of each model: the rows that are running in the database, and how many are attached.
        self._running: dict[type[Model], tuple[Callable[[], QuerySet], int]] = {}
        self._others_running: dict[type[Model], int] = {}  # rows that are running and not attached

    def lock_rows(self, events: Sequence[ReportedEvent]) -> None:
        """Lock the run's rows that the events need. Attach them and the run to the batch.

        The caller has locked the run itself. The rows are the agents and tasks that are running,
        and all rows that the events name. The end of a task or agent may end any tool and model
        call, so then those that are running, too.
        """
        batch, run = self._batch, self._run
        batch.attach([run])
        agents = batch.attach(AGENTS.rows(run=run.pk))
        task_ids = self._ids("task", "task_id", events)
        tasks = batch.attach(TASKS.rows(run=run.pk, ids=task_ids))
        self._tasks = {task.task_id: task for task in tasks}
        self._at_work = [task.pk for task in tasks if task.status == TaskExecution.Status.RUNNING]
        batch.complete |= {AgentExecution, TaskExecution}
        needs_all = any(isinstance(event, TaskEnd | AgentEnd) for event in events)
        call_ids = self._ids("call", "call_id", events)
        calls = self._lock_named(ModelCall, CALLS, self._running_calls, call_ids, needs_all)
        controls = self._named_controls(events)
        for row in (*agents, *tasks, *calls, *controls):
            row.run = run
        tool_ids = self._ids("tool", "execution_id", events)
        tools = self._lock_named(ToolExecution, TOOLS, self._running_tools, tool_ids, needs_all)
        for tool in tools:
            task = batch.get(TaskExecution, tool.task_execution_id)
            if task:
                tool.task_execution = task
            else:  # it has ended, and so has the tool
                tool.task_execution.run = run

    def _lock_named(
        self,
        model: type[Model],
        named: Select,
        running: Callable[[], QuerySet],
        ids: list[UUID],
        needs_all: bool,
    ) -> list[Any]:
        """Lock the rows with these ids, and perhaps those that are running; count the others."""
        rows = self._batch.attach(named.rows(run=self._run.pk, ids=ids)) if ids else []
        if needs_all:
            others = running().exclude(pk__in=[row.pk for row in rows])
            rows = [*rows, *self._batch.attach(others.select_for_update(of=("self",)))]
            self._batch.complete.add(model)
        elif ids:
            self._running[model] = running, sum(row.status == "running" for row in rows)
        return rows

    def _running_calls(self) -> QuerySet:
        return self._run.calls.filter(RUNNING)

    def _running_tools(self) -> QuerySet:
        # A running tool has a running task. Few tools are running, and a task may have had many.
        ids = self._at_work
        its = In(NotByIndex(F("task_execution_id")), ids) if ids else Q(pk=None)
        return ToolExecution.objects.select_related("task_execution").filter(RUNNING, its)

    def _named_controls(self, events: Sequence[ReportedEvent]) -> list[Control]:
        """Lock the controls that the events name.

        Their ids are ours, and the run has few of them.
        """
        named = {id for event in events if (id := getattr(event, "control_id", None)) is not None}
        if not named:
            return []
        rows = self._run.controls.select_for_update().defer("text")
        found = [control for control in rows if str(control.pk) in named]
        self._controls = {str(control.pk): control for control in found}
        return self._batch.attach(found)

    def _ids(self, kind: str, field: str, events: Sequence[ReportedEvent]) -> list[UUID]:
        named = {id for event in events if (id := getattr(event, field, None)) is not None}
        return [self._id(kind, id) for id in named]

    def _working(self, **of: str) -> AgentExecution | None:
        return next(iter(self._batch.select(AgentExecution, status="running", **of)), None)

    def _task(self, task_id: str) -> TaskExecution | None:
        return self._tasks.get(self._id("task", task_id))

    def _tool(self, execution_id: str) -> ToolExecution | None:
        return self._batch.get(ToolExecution, self._id("tool", execution_id))

    def _control(self, control_id: str) -> Control:
        if (control := self._controls.get(control_id)) is None:
            raise InvalidEvent("invalid", "control_id: the run has no such control.")
        return control

    def _call(self, call_id: str) -> ModelCall | None:
        return self._batch.get(ModelCall, self._id("call", call_id))

    def _count_others(self, model: type[Model]) -> int:
        """Count the running rows that are not attached. The batch writes none before its end."""
        if model not in self._others_running:
            running, known = self._running.get(model, (None, 0))
            self._others_running[model] = running().count() - known if running else 0
        return self._others_running[model]

    def _check_number(self, model: type[Model], limit: int, what: str) -> None:
        attached = self._batch.count_attached(model)
        # Each running row was started by an event of its own.
        if self._reported.events_seen + attached < limit:
            return
        others = self._count_others(model)
        if others + attached < limit:
            return
        if others + len(self._batch.select(model, status="running")) >= limit:
            raise InvalidEvent("limit", f"The run has {limit} {what}.")
