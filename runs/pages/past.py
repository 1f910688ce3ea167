"""A run and its records as they were at a moment of its past.

The reducer of the live pages (`runs.events.state`) decides what had happened until then, not the
times of the rows: a report may come long after the event. Rows give the data that events leave out.
Where events are not known any more, the rows' times count.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatchmethod
from typing import Any
from uuid import UUID

from django.db.models import Q

from runs.events.encoding import iso_utc
from runs.events.model_state import HANDOFFS_KEPT, NO_USAGE
from runs.events.run_state import RunState
from runs.events.state import EXECUTIONS_KEPT, CrewState
from runs.models import (
    Approval,
    BudgetAlert,
    Control,
    Handoff,
    ModelCall,
    Run,
    TaskExecution,
    ToolExecution,
)
from runs.pages.event_pages import Call
from runs.pages.history import AgentSpan
from runs.pages.past_run import is_by, reopen

SET_AT_END = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd")


@dataclass
class Past:
    """The state of ``run`` at the moment ``at``, which holds from ``since`` to before ``until``.

    Both are times as events have them.
    """

    run: Run
    at: datetime
    state: CrewState
    since: str
    until: str
    _ended_tasks: set[Any] = field(default_factory=set)  # keys of task executions

    def __post_init__(self) -> None:
        self.run_state = self.state.runs.get(str(self.run.pk)) or RunState()
        self.is_over = self.run_state.is_over
        self.is_pruned = not self.run_state.crew  # its first event has been deleted
        if not self.is_over:
            reopen(self.run, self)

    def cut(self, rows: Iterable[Any], *, is_part: bool = False) -> list[Any]:
        """Return the rows that existed at the moment, with the values of that moment.

        The rows themselves are changed. Tasks have to come before their tools.
        ``is_part``: the run may have more rows than these.
        """
        rows = list(rows)
        if self.is_over:
            return rows
        if rows and isinstance(rows[0], ModelCall):
            return self._model_calls(rows, is_part=is_part)
        if rows and isinstance(rows[0], Handoff):
            return self._handoffs(rows, is_part=is_part)
        return [row for row in map(self._as_it_was, rows) if row is not None]

    def statuses(self, rows: Iterable[tuple[UUID, str, datetime, datetime | None]]) -> dict:
        """The statuses of tasks that had started. ``rows``: id, status, start and end of each."""
        found = {}
        for task_id, status, started_at, ended_at in rows:
            then = self._status_of(str(task_id), status, started_at, ended_at)
            if then is not None:
                found[str(task_id)] = then
        return found

    @property
    def moment(self) -> str:
        return iso_utc(self.at)

    @property
    def known_tools(self) -> Q:
        """The tool calls whose events had come. Their times are the reporter's, often earlier."""
        return Q(pk__in=[*self.state.executions]) | Q(task_execution__in=self._ended_tasks)

    @property
    def waiting(self) -> list[str]:
        """The ids of the approvals that were pending."""
        return list(self.run_state.approvals)

    # What had happened to a row: None if it was not there yet.

    @singledispatchmethod
    def _as_it_was(self, row: Any) -> Any:
        """Without a method below, a row never changes, and was there from its time ``at`` on."""
        if not hasattr(row, "at"):
            raise TypeError(f"Nothing is known about the past of {type(row).__name__}.")
        return row if row.at <= self.at else None

    @_as_it_was.register
    def _task(self, task: TaskExecution) -> TaskExecution | None:
        now = (task.status, task.started_at, task.ended_at)
        status = self._status_of(str(task.task_id), *now)
        if status == "running":
            task.reason = task.message = ""
            return self._reopened(task)
        if status is None:
            return None
        self._ended_tasks.add(task.pk)
        return task

    @_as_it_was.register
    def _tool(self, tool: ToolExecution) -> ToolExecution | None:
        status = self._status_of_tool(tool)
        if status != "running":
            return tool if status else None
        call = self.state.executions.get(str(tool.pk), {})
        tool.message = call.get("message", "")
        tool.progress = call.get("progress")
        tool.output_length = min(call.get("output_length", 0), tool.output_length)
        tool.exit_code = None
        return self._reopened(tool)

    @_as_it_was.register
    def _call(self, call: Call) -> Call | None:
        status = self._status_of_tool(call)
        if status == "running":
            return replace(call, status=status, ended_at=None, exit_code=None)
        return call if status else None

    @_as_it_was.register
    def _control(self, control: Control) -> Control | None:
        known = self.run_state.controls.get(str(control.pk))
        status = known["status"] if known else None
        if known is None and self.is_pruned and control.requested_at <= self.at:
            status = control.status if is_by(control.ended_at, self.at) else "acknowledged"
        if status in ("requested", "acknowledged"):
            control.status, control.detail, control.ended_at = status, "", None
        if status == "requested":
            control.acknowledged_at = None
        return control if status else None

    @_as_it_was.register
    def _budget_alert(self, alert: BudgetAlert) -> BudgetAlert | None:
        is_known = str(alert.pk) in self.run_state.budgets
        if not is_by(alert.cleared_at, self.at):
            alert.cleared_at = None
        return alert if is_known or (self.is_pruned and alert.at <= self.at) else None

    @_as_it_was.register
    def _approval(self, approval: Approval) -> Approval | None:
        if str(approval.pk) in self.run_state.approvals:
            approval.status, approval.decided_at = Approval.Status.PENDING, None
            approval.by = approval.note = ""
            return approval
        return approval if is_by(approval.decided_at, self.at) else None

    @_as_it_was.register
    def _span(self, span: AgentSpan) -> AgentSpan | None:
        status = self.run_state.agents.get(span.agent_id, {}).get("status")
        if not status:
            return span if self.is_pruned else None
        if status == "running" and "running" not in span.statuses:
            return replace(span, statuses=[*span.statuses, "running"])
        if status != "running" and "running" in span.statuses:
            return replace(span, statuses=[status], ended_at=span.ended_at or self.at)
        return span

    def _model_calls(self, calls: list[ModelCall], *, is_part: bool) -> list[ModelCall]:
        """Events report which calls were open, and how many had ended: those that ended first."""
        open_then = self.state.model.calls
        ended = [call for call in calls if str(call.pk) not in open_then and call.ended_at]
        if is_part or self.is_pruned:
            ended = [call for call in ended if call.ended_at <= self.at]
        else:
            count = self.usage["model_calls"]
            ended = sorted(ended, key=lambda call: (call.ended_at, call.pk))[:count]
        keys = {call.pk for call in ended}
        found = []
        for call in calls:
            if call.pk in keys:
                found.append(call)
            elif known := open_then.get(str(call.pk)):
                call.model = known["model"]
                call.first_token_s = known.get("first_token_s")
                call.message = call.finish_reason = ""
                call.output_length = 0  # the length then is not known
                for name in SET_AT_END:
                    setattr(call, name, None)
                found.append(self._reopened(call))
        return found

    def _handoffs(self, handoffs: list[Handoff], *, is_part: bool) -> list[Handoff]:
        known = len(self.state.model.handoffs)
        if is_part or self.is_pruned or known >= HANDOFFS_KEPT:
            return [handoff for handoff in handoffs if handoff.at <= self.at]
        return sorted(handoffs, key=lambda handoff: handoff.pk)[:known]

    def _status_of(
        self, task_id: str, status: str, started_at: datetime, ended_at: datetime | None
    ) -> str | None:
        known = self.run_state.tasks.get(task_id)
        if known is None and self.is_pruned:
            return self._by_time(status, started_at, ended_at)
        return known["status"] if known and known["status"] != "pending" else None

    def _status_of_tool(self, tool: ToolExecution | Call) -> str | None:
        kept = self.state.executions
        if call := kept.get(str(tool.pk)):
            return call["status"]
        if tool.task_execution_id in self._ended_tasks:
            return tool.status
        # The state has the newest calls only, and none from before the first known event.
        if self.is_pruned or len(kept) >= EXECUTIONS_KEPT:
            return self._by_time(tool.status, tool.started_at, tool.ended_at)
        return None

    def _by_time(
        self, status: str, started_at: datetime | None, ended_at: datetime | None
    ) -> str | None:
        if not is_by(started_at, self.at):
            return None
        return status if is_by(ended_at, self.at) else "running"

    def _reopened(self, row: Any) -> Any:
        row.status, row.ended_at, row.as_of = "running", None, self.at
        return row

    @property
    def usage(self) -> dict[str, Any]:
        """The totals of the model calls that had ended."""
        return self.state.model.usage.get(str(self.run.pk), NO_USAGE)
