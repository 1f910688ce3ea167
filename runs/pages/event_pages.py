"""The events of a large run, in pages. Each page reads only the rows near its end."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from crews.compiled_queries import Select
from runs.models import Control, ModelCall, Run, TaskExecution
from runs.models.timespan import seconds_between
from runs.pages import control_events, page_queries
from runs.pages.approval_events import APPROVAL, of_approval
from runs.pages.budget_events import BUDGET, of_budget_alert
from runs.pages.event_cursor import EventCursor
from runs.pages.fact_events import FACTS
from runs.pages.history import (
    RANK,
    Entry,
    agent_spans,
    ending,
    id_of,
    of_agent,
    of_task,
    requested,
)
from runs.pages.model_events import of_call
from runs.pages.page_queries import EVENTS_AT_ONCE, Side
from runs.pages.run_outline import Outline

FEW_TASKS, MANY_TASKS = 8, EVENTS_AT_ONCE  # tasks read for a page, if each has many events or few
# The fields with the times of events.
TOOL = {"tool_start": "started_at", "tool_end": "ended_at"}
LLM = {"llm_start": "started_at", "llm_end": "ended_at"}


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of a tool that its events show. Only these are read: a page has two hundred."""

    pk: UUID
    task_execution_id: UUID
    tool: str
    status: str
    exit_code: int | None
    started_at: datetime
    ended_at: datetime | None
    agent_id: str

    @property
    def duration_s(self) -> float:
        return seconds_between(self.started_at, self.ended_at)


class EventPage:
    """The newest events of ``run`` before a place, oldest first. ``older``: end of the next page.

    A page may have fewer than ``EVENTS_AT_ONCE``, but it never leaves out an event.
    """

    def __init__(
        self,
        run: Run,
        outline: Outline,
        before: EventCursor | None = None,
        *,
        names_people: bool = False,
        until: datetime | None = None,
        cut: Callable[..., list[Any]] = list,
    ) -> None:
        """``until``: the moment of the past that is shown.

        ``cut`` returns rows as they were then.
        """
        self._names_people, self._until, self._cut = names_people, until, cut
        end = EventCursor(until, len(RANK), "") if until and not run.is_over else None
        self._run, self._outline, self._before = run, outline, before or end
        # That were read, with the newest of the run:
        self.model_calls: list[ModelCall] = []
        self.controls: list[Control] = []
        self._since: datetime | None = None  # older events are not read; None: nothing is older
        found = self._find()
        while not found and self._since is not None:
            # All events read come after the place: many tasks started at exactly its time.
            self._before, self._since = EventCursor(self._since, 0, ""), None
            found = self._find()
        self.entries = found[-EVENTS_AT_ONCE:]
        goes_on = self._since is not None or len(found) > EVENTS_AT_ONCE
        self.older = EventCursor.of(self.entries[0]) if self.entries and goes_on else None
        if before is None:
            self.entries += ending(run)

    def _find(self) -> list[Entry]:
        """Choose ``_since`` and return all events from then to the page's end, oldest first."""
        read = self._read()
        found = [entry for entry in read if self._since is None or entry.at >= self._since]
        if self._before is not None:
            found = [entry for entry in found if EventCursor.of(entry) < self._before]
        return sorted(found, key=EventCursor.of)

    def _read(self) -> list[Entry]:
        """Choose ``_since`` and return all events since then, and some from before."""
        tasks = self._tasks()
        tools: dict[UUID, list[Call]] = {}
        for tool in self._tools(tasks):
            tools.setdefault(tool.task_execution_id, []).append(tool)
        run, names = self._run, self._outline.names
        entries = [requested(run)]
        for span in self._cut(agent_spans(run, self._until)):
            entries += of_agent(run, names.get(span.agent_id, span.agent_id), span, self._outline)
        for task in tasks:
            name = names.get(task.agent_id, task.agent_id)
            entries += of_task(task, name, tools.get(task.pk, []))
        newest = run.controls.order_by("-requested_at", "-pk")
        few = page_queries.CONTROLS
        controls = self._all_or_newest(few, run.controls.all(), control_events.TIMES, newest)
        self.controls = self._cut(controls)
        for control in self.controls:
            entries += control_events.of_control(control, names_people=self._names_people)
        few = page_queries.APPROVALS
        for approval in self._cut(self._all_or_newest(few, run.approvals.all(), APPROVAL)):
            entries += of_approval(approval, names, names_people=self._names_people)
        few = page_queries.BUDGET_ALERTS
        alerts = self._cut(self._all_or_newest(few, run.budget_alerts.all(), BUDGET))
        entries += map(of_budget_alert, alerts)
        if run.is_reported:
            newest = run.calls.order_by("-started_at", "-pk")
            self.model_calls = self._part(self._newest(run.calls.all(), LLM, newest))
            for call in self.model_calls:
                entries += of_call(call, names)
            for fact in FACTS:
                rows = self._part(self._newest(fact.rows(run), {fact.kind: "at"}))
                entries += [fact.line(row, names) for row in rows]
        return entries

    def _part(self, rows: list[Any]) -> list[Any]:
        return rows if self._cut is list else self._cut(rows, is_part=True)

    def _tasks(self) -> list[TaskExecution]:
        """Return the tasks that were running since a certain task started.

        That is the ``FEW_TASKS``-th or the ``MANY_TASKS``-th task before the page's end.
        """
        end = self._side("task_start")
        if end is Side.SAME:  # all that started then: `_find` leaves out what is not before the end
            end = Side.LOWER
        values = {"run": self._run.pk, "at": self._end[0]}
        # Nothing is planned in a reported run.
        for number in (MANY_TASKS,) if self._run.is_reported else (FEW_TASKS, MANY_TASKS):
            near = page_queries.newest_tasks(end, number + 1).rows(**values)
            goes_on = len(near) > number
            steps = (self._outline.steps_of(str(task)) for _, task in near[:number])
            if not goes_on or sum(steps) >= EVENTS_AT_ONCE:
                break
        if goes_on:
            self._since = near[number - 1][0]
        begun = page_queries.tasks_since(end, is_part=goes_on)
        return self._cut(begun.rows(**values, since=self._since))

    def _tools(self, tasks: list[TaskExecution]) -> list[Call]:
        """Return the tools that started last before the page's end, and those that ended last."""
        agent_of = {task.pk: task.agent_id for task in tasks}
        query = page_queries.last_tools(*map(self._side, TOOL))
        at, id = self._end
        rows = query.rows(tasks=agent_of, at=at, id=id)
        calls = [Call(*row, agent_of[row[1]]) for row in rows]
        self._note_since(calls, TOOL)
        return self._cut(calls)

    def _all_or_newest(
        self, few: Select, rows: QuerySet[Any], kinds: dict[str, str], *also: QuerySet[Any]
    ) -> list[Any]:
        """Return the same as `_newest`, for rows that are few in a run: one query reads them."""
        found = few.rows(run=self._run.pk)
        if len(found) > page_queries.FEW:
            return self._newest(rows, kinds, *also)
        for row in found:
            row.run = self._run
        return found

    def _newest(
        self, rows: QuerySet[Any], kinds: dict[str, str], *also: QuerySet[Any]
    ) -> list[Any]:
        """Return the last rows before the page's end, by the time of each of their ``kinds``.

        ``kinds`` gives the field with the time. ``also``: more rows, the first of each. ``_since``
        becomes the last time from which on all events of these kinds are returned.
        """
        times = ((field, self._side(kind)) for kind, field in kinds.items())
        found = list(page_queries.last(rows, times, *self._end, *also))
        self._note_since(found, kinds)
        return found

    def _note_since(self, found: Iterable[Any], kinds: dict[str, str]) -> None:
        for kind, field in kinds.items():
            cursors = (self._cursor(kind, row.pk, getattr(row, field)) for row in found)
            times = sorted((cursor.at for cursor in cursors if cursor), reverse=True)
            if len(times) > EVENTS_AT_ONCE:
                last = times[EVENTS_AT_ONCE]
                self._since = max(self._since or last, last)

    def _cursor(self, kind: str, id: Any, at: datetime | None) -> EventCursor | None:
        """Return the cursor of an event if it is before the page's end."""
        if at is None:
            return None
        cursor = EventCursor(at, RANK.index(kind), id_of(id))
        return cursor if self._before is None or cursor < self._before else None

    @property
    def _end(self) -> tuple[datetime | None, str | None]:
        return (self._before.at, self._before.id) if self._before else (None, None)

    def _side(self, kind: str) -> Side:
        """How the events of this kind compare with the page's end, by their rank."""
        if self._before is None:
            return Side.ALL
        rank, end = RANK.index(kind), self._before.rank
        return Side.SAME if rank == end else Side.LOWER if rank < end else Side.HIGHER
