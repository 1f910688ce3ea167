"""The records that the run page reads: with a fixed number of queries, for a large run in part."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from runs.models import ModelCall, Run, TaskExecution, ToolExecution
from runs.pages import page_queries
from runs.pages.event_cursor import EventCursor
from runs.pages.event_pages import EventPage
from runs.pages.past import Past
from runs.pages.run_outline import TASKS_AT_ONCE, outline_of
from runs.pages.run_window import Window
from runs.pages.timeline_lanes import chosen_lanes
from runs.pages.tool_pages import ToolPages, cursor_of

CALLS_AT_MOST = 100  # of models, the newest, in the timeline of a large run
REPORTED_AT_ONCE = 200  # events, of 100 tools; a run that has had more is large, whatever its tasks
RUNNING_AT_MOST = 5  # running tasks that are open by default
RECENT = 100  # newest tasks, which decide which lanes are at work


class RunPageRecords:
    """``run``, the task executions that its page shows, and the tools of the open tasks.

    With ``past``, all of them as they were at that moment.
    """

    def __init__(
        self,
        run: Run,
        *,
        with_output: bool = False,
        window: Window | None = None,
        past: Past | None = None,
    ) -> None:
        self.run, self.past = run, past
        self._cut = past.cut if past else list
        self._until = past.at if past and not past.is_over else None
        self.window = window or Window()
        self.outline = outline_of(run)
        self._with_output = with_output
        self.is_large = self.outline.is_large or (
            run.is_reported and run.reported.events_seen > REPORTED_AT_ONCE
        )
        self._executions: list[TaskExecution] = []
        self._execution_of: dict[str, TaskExecution] = {}
        self._of: dict[Any, TaskExecution] = {}
        if self.is_large and not run.is_reported:
            self._read_part()
        else:  # a reported run has at most a thousand tasks
            self._add(run.task_executions.order_by("order", "started_at"))
            self.statuses = {
                task: execution.status for task, execution in self._execution_of.items()
            }
            self._recent = [(e.agent_id, e.status) for e in newest_first(self._executions)]
            self._failed_tool = self._failed_with() if self.is_large else None
        self._tool_at: EventCursor | None = None  # of the tool that the window's ``at`` names
        self._may_be_call = False  # whether ``at`` may be a model call
        self.at = self._task_at()
        if self.is_large:
            self._recent = [*self._thinking(), *self._recent]
        self.lanes = chosen_lanes(self.outline.lanes, self._recent, self.window.lanes)
        if self.is_large and not run.is_reported:
            self._read_shown()
        self._tools = self._read_tools()
        # Taken after reading, so that nothing that was read is in the future.
        self.now: datetime = past.at if past else timezone.now()

    def _read_part(self) -> None:
        """Read the status of each task of a large run, and the agents of the newest tasks."""
        if self.past and not self.past.is_over:
            self.statuses = self.past.statuses(page_queries.task_times(self.run))
        else:
            rows = page_queries.task_statuses(self.run)
            self.statuses = {str(task): status for task, status in rows}
        # Tasks start in order, so the last ones are the newest.
        last = (self.outline.task(task) for task in list(self.statuses)[: -RECENT - 1 : -1])
        self._recent = [(task.agent_id, self.statuses[task.task_id]) for task in last if task]
        self._failed_tool = self._failed_with()

    def _read_shown(self) -> None:
        """Read the executions of the tasks on the page, of the open tasks, and of the lanes."""
        page = self.outline.tasks[self.first - 1 : self.last]
        wanted = {*(task.task_id for task in page), *self.open_tasks} & self.statuses.keys()
        self._add(page_queries.tasks_of(self.run, tasks=wanted, agents=self.lanes.shown))

    def _add(self, tasks: Iterable[TaskExecution]) -> None:
        """Keep these executions, which are in order."""
        self._executions = self._cut(tasks)
        self._execution_of = {str(execution.task_id): execution for execution in self._executions}
        self._of = {execution.pk: execution for execution in self._executions}

    @property
    def page_count(self) -> int:
        return max(-(-len(self.outline.tasks) // TASKS_AT_ONCE), 1) if self.is_large else 1

    @cached_property
    def number(self) -> int:
        """The number of the page of tasks, from 1."""
        asked = self.window.page
        if asked is None:
            asked = self.outline.number_of.get(self.at, 0) // TASKS_AT_ONCE + 1
        return min(max(asked, 1), self.page_count)

    @property
    def first(self) -> int:
        """The number of the first task on this page, from 1."""
        return (self.number - 1) * TASKS_AT_ONCE + 1

    @property
    def last(self) -> int:
        return min(self.number * TASKS_AT_ONCE, len(self.outline.tasks))

    def _read_tools(self) -> list[ToolExecution]:
        """Return the tools of the open tasks, oldest first.

        Of a large run these are a page of the task ``at``, the newest of the task that the user has
        opened last, and the newest of the others.
        """
        calls = self._calls()
        if self._until and self.run.is_reported and not self.past.is_pruned:
            calls = ToolExecution.objects.unscoped().filter(self.past.known_tools)
        first, *more = self._groups_of_tasks()
        self.tool_pages = ToolPages(
            *(calls.filter(task_execution__in=first), self.window.tools),
            around=self._tool_at,
            cut=self._cut,
        )
        others = [ToolPages(calls.filter(task_execution__in=ids), cut=self._cut) for ids in more]
        self.leaves_out = any(pages.leaves_out for pages in (self.tool_pages, *others))
        tools = [tool for pages in (self.tool_pages, *others) for tool in pages.tools]
        for tool in tools:
            tool.task_execution = self._of[tool.task_execution_id]
        return sorted(tools, key=lambda tool: (tool.started_at, tool.pk))

    def _groups_of_tasks(self) -> list[list[Any]]:
        """Return the primary keys of the open tasks whose tools are read together."""
        known = (task for task in self.open_tasks if task in self._execution_of)
        of = {task: self._execution_of[task].pk for task in known}
        alone = dict.fromkeys([self.at, *self._opened[-1:]]) if self.is_large else ()
        groups = [[of.pop(task)] for task in alone if task in of]
        return [*groups, [*of.values()]] if of or not groups else groups

    def _thinking(self) -> list[tuple[str, str]]:
        """The agents with an open model call, the newest first."""
        calls = self.model_calls[::-1]
        return [(call.agent_id, call.status) for call in calls if call.ended_at is None]

    @cached_property
    def model_calls(self) -> list[ModelCall]:
        """The calls of a reported run, oldest first: all, or of a large run the newest."""
        if not self.run.is_reported:
            return []
        if not self.is_large:
            return self._cut(self.run.calls.order_by("started_at", "id"))
        calls = sorted(self.events.model_calls, key=lambda call: call.started_at)
        return calls[-CALLS_AT_MOST:]

    def _calls(self) -> Any:
        calls = ToolExecution.objects.unscoped()
        return calls.filter(started_at__lte=self._until) if self._until else calls

    def _failed_with(self) -> ToolExecution | None:
        if self.run.status != Run.Status.FAILED or "failed" not in self.statuses.values():
            return None
        tools = self._calls().filter(task_execution__run=self.run, task_execution__status="failed")
        tools = tools.exclude(status__in=("success", "running")).select_related("task_execution")
        return tools.order_by("started_at", "id").last()

    def _task_at(self) -> str:
        """Return the id of the most relevant task: the requested, running, failed or last one."""
        at = self.window.at
        if at and at not in self.outline.number_of:
            of_tool = self._calls().filter(task_execution__run=self.run, pk=at)
            tool = of_tool.select_related("task_execution").first()
            self._tool_at = cursor_of(tool) if tool else None
            self._may_be_call = tool is None and self.run.is_reported
            at = str(tool.task_execution.task_id) if tool else ""
        if at:
            return at
        running = self._running
        if self._failed_tool and not running:
            return str(self._failed_tool.task_execution.task_id)
        last = [*list(self.statuses)[-1:], *running]
        return last[-1] if last else ""

    @property
    def _running(self) -> list[str]:
        return [task for task, status in self.statuses.items() if status == "running"]

    @cached_property
    def open_tasks(self) -> list[str]:
        """Ids of the tasks whose tools are shown: all, or a few of a large run."""
        if not self.is_large:
            return list(self._execution_of)
        return list(
            dict.fromkeys(
                [*self._opened, *self._running[-RUNNING_AT_MOST:], *filter(None, [self.at])]
            )
        )

    @property
    def _opened(self) -> list[str]:
        """The tasks that the user has opened, the last one last."""
        return [task for task in self.window.opened if task in self.outline.number_of]

    @cached_property
    def events(self) -> EventPage:
        """The page of events of a large run."""
        return EventPage(
            *(self.run, self.outline, self.events_end),
            names_people=self.names_people,
            until=self._until,
            cut=self._cut,
        )

    @cached_property
    def events_end(self) -> EventCursor | None:
        """Where the page of events ends: as asked, or after the start of the model call ``at``."""
        if self.window.events or not self._may_be_call:
            return self.window.events
        of_call = self.run.calls.filter(pk=self.window.at)
        began = of_call.values_list("started_at", flat=True).first()
        return began and EventCursor(began + timedelta(microseconds=1), 0, "")

    @property
    def names_people(self) -> bool:
        """Whether the reader may know who asked: not a reader who only has the link."""
        return bool(getattr(self.run, "is_member", False))


def newest_first(tasks: list[TaskExecution]) -> list[TaskExecution]:
    return sorted(tasks, key=lambda task: task.started_at, reverse=True)
