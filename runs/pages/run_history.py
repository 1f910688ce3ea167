"""The approvals and controls of a run, and its history: the list of events on the run page."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from django.db.models import Q

from runs.models import Approval, BudgetAlert, Control
from runs.pages import budget_rows
from runs.pages.approval_events import of_approval
from runs.pages.budget_events import of_budget_alert
from runs.pages.budget_rows import BudgetRow
from runs.pages.control_events import of_control
from runs.pages.fact_events import FACTS
from runs.pages.history import Entry, agent_spans, entries, of_agent
from runs.pages.model_events import of_call
from runs.pages.run_page_records import RunPageRecords

SHOWN_CONTROLS = 100  # the newest
CONTROLS_LISTED = 5
APPROVALS_AT_MOST = 200
BUDGET_ALERTS_AT_MOST = 100  # the newest


class RunHistory(RunPageRecords):
    """``run`` with its approvals, controls and events."""

    @cached_property
    def approvals(self) -> list[Approval]:
        """The approvals of the run, oldest first: all, or of a large run those that wait, and the
        refused ones of the open tasks.
        """
        approvals = self.run.approvals.all()
        if self.is_large and not self._may_have_approvals:
            return []
        if self.is_large:
            waits = Q(pk__in=self.past.waiting) if self._until else Q(status="pending")
            refused = Q(status__in=Approval.REFUSED, task_id__in=self.open_tasks)
            approvals = approvals.filter(waits | refused)
        return self._cut(approvals.order_by("requested_at", "id")[:APPROVALS_AT_MOST])

    @cached_property
    def waiting(self) -> dict[str, list[Approval]]:
        """The calls that wait for approval, by the id of their task."""
        return _by_task(one for one in self.approvals if one.is_pending)

    @cached_property
    def refused(self) -> dict[str, list[Approval]]:
        """The calls that were denied or that nobody approved in time, by the id of their task."""
        return _by_task(one for one in self.approvals if one.is_refused)

    @property
    def _may_have_approvals(self) -> bool:
        """Whether a large run may have approvals to show, as far as this is known without a query.

        A refused call fails its task, unless a program reports the run and decides itself.
        """
        waits = self.past.waiting if self._until else self.run.crew.approvals_pending
        if waits or self.run.is_reported:
            return True
        fine = ("succeeded", "running")
        return any(self.statuses.get(task, "running") not in fine for task in self.open_tasks)

    @property
    def waiting_count(self) -> int:
        return sum(map(len, self.waiting.values()))

    @cached_property
    def history(self) -> list[Entry]:
        if self.is_large:
            return self.events.entries
        more = list(self._reported_entries()) if self.run.is_reported else []
        for control in self.controls:
            more += of_control(control, names_people=self.names_people)
        for approval in self.approvals:
            more += of_approval(approval, self.outline.names, names_people=self.names_people)
        more += map(of_budget_alert, self.budget_alerts)
        return entries(self.run, self._executions, self._tools, self.outline, more)

    @cached_property
    def controls(self) -> list[Control]:
        """The newest controls, oldest first."""
        if self.is_large:
            read = sorted(self.events.controls, key=lambda control: control.requested_at)
            return read[-SHOWN_CONTROLS:]
        newest = self.run.controls.order_by("-requested_at", "-pk")
        return self._cut(newest[:SHOWN_CONTROLS])[::-1]

    @property
    def newest_controls(self) -> list[Control]:
        """The controls that the page lists, the newest first. Its events list all."""
        return self.controls[: -CONTROLS_LISTED - 1 : -1]

    @cached_property
    def budget_alerts(self) -> list[BudgetAlert]:
        """The newest first."""
        newest = self.run.budget_alerts.select_related("control").order_by("-at", "-pk")
        return self._cut(newest[:BUDGET_ALERTS_AT_MOST])

    @cached_property
    def budget(self) -> list[BudgetRow]:
        """How much of its budget is used; empty for the past: past limits are not stored."""
        return [] if self.past else budget_rows.rows_of_run(self.run, self.now)

    @property
    def budget_notice(self) -> BudgetAlert | None:
        """The newest alert that more than a budget is used, while it holds."""
        run = self.run
        if not (run.pause_requested or run.cancel_requested or run.crew.has_budget):
            return None  # without a query
        holding = (one for one in self.budget_alerts if one.is_exceeded and not one.cleared_at)
        return next(holding, None)

    @property
    def paused_s(self) -> float:
        since = self.run.paused_at or self.now
        return max((self.now - since).total_seconds(), 0.0)

    def _reported_entries(self) -> Iterator[Entry]:
        names = self.outline.names
        for span in self._cut(agent_spans(self.run, self._until)):
            yield from of_agent(
                self.run, names.get(span.agent_id, span.agent_id), span, self.outline
            )
        for call in self.model_calls:
            yield from of_call(call, names)
        for fact in FACTS:
            for row in self._cut(fact.rows(self.run).order_by("id")):
                yield fact.line(row, names)


def _by_task(approvals: Iterable[Approval]) -> dict[str, list[Approval]]:
    by_task: dict[str, list[Approval]] = {}
    for approval in approvals:
        by_task.setdefault(str(approval.task_id), []).append(approval)
    return by_task
