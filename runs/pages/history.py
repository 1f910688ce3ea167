"""The history of a run, as a list for users: its events and the start and end of every tool.

It is read from the rows of the run, not from an event log, so it is complete even long after the
events are pruned.
The order is that of the events: by time, and at the same time causes before effects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from runs.events.agent_states import agent_has_ended, worst
from runs.models import ModelCall, Run, TaskExecution, ToolExecution
from runs.pages.page_queries import SPAN_STATUSES, SPANS
from runs.pages.run_outline import Outline
from runs.pages.versions import version

ENDINGS = {  # of a task or tool, by its status; with any other status it failed
    "success": "succeeded",
    "succeeded": "succeeded",
    "completed_with_errors": "ended with errors",
    "cancelled": "was cancelled",
}
REASONS = {  # of a run's end
    "task_failed": "A task failed",
    "worker_lost": "The worker was lost",
    "reporter_lost": "The reporting program was lost",
    "internal_error": "CrewOps itself failed",
    "workspace_lost": "The workspace is gone",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True)
class Entry:
    """One line. ``type`` is the event's type in the protocol, ``id`` the id of its subject."""

    type: str
    id: str
    at: datetime
    what: str
    status: str = ""
    agent_id: str = ""
    agent: str = ""
    detail: str = ""
    execution: ToolExecution | TaskExecution | ModelCall | None = None
    origin: datetime | None = None  # zero of the clock, if that may come after the entry

    @cached_property
    def version(self) -> str:
        shown = (self.type, self.id, self.at, self.status, self.origin)
        shown += (self.what, self.agent, self.detail)
        return version("event", *shown, self.has_input, self.has_output)

    @property
    def has_input(self) -> bool:
        """Whether this is the start of a model call whose input is stored."""
        return self.type == "llm_start" and self.execution.input_length > 0

    @property
    def has_output(self) -> bool:
        """Whether this is a model call's last line so far, and its answer is stored."""
        if self.kind != "llm" or not self.execution.output_length:
            return False
        return self.type == "llm_end" or self.execution.ended_at is None

    @cached_property
    def kind(self) -> str:
        """The value that the filter uses: run, agent, task, tool, llm, control, approval, budget,
        error, or the kind of a fact, such as handoff.
        """
        return {"boot": "run", "done": "run"}.get(self.type, self.type.partition("_")[0])

    @property
    def has_card(self) -> bool:
        """Whether the subject is a task or a tool, which the page shows elsewhere."""
        return self.kind in ("task", "tool")

    @cached_property
    def is_end(self) -> bool:
        """Whether a task, a tool or a model call has ended, so that its duration is shown."""
        return self.type in ("task_end", "tool_end", "llm_end")

    @property
    def verb(self) -> str:
        """The verb for a task, tool or model call: "began", "succeeded"; "" for other subjects."""
        if not self.is_end:
            return "began" if self.has_card else ""
        has_answered = self.kind == "llm" and self.status == "success"
        return "answered" if has_answered else ENDINGS.get(self.status, "failed")

    @property
    def is_trouble(self) -> bool:
        return self.kind == "error" or self.status in (
            *("failed", "error", "completed_with_errors", "denied", "expired"),
            "exceeded",
        )


def id_of(pk: UUID | int) -> str:
    """Return the id as text that sorts like it."""
    return f"{pk:020}" if isinstance(pk, int) else str(pk)


def entries(
    run: Run,
    tasks: Sequence[TaskExecution],
    tools: Iterable[ToolExecution],
    outline: Outline | None = None,
    more: Iterable[Entry] = (),
) -> list[Entry]:
    """Return all entries so far, oldest first, with ``more``."""
    outline = outline or Outline(run.plan)
    found = [requested(run)]
    tools_of: dict[Any, list[ToolExecution]] = {}
    for tool in tools:
        tools_of.setdefault(tool.task_execution_id, []).append(tool)
    tasks_of: dict[str, list[TaskExecution]] = {}
    for task in tasks:
        tasks_of.setdefault(task.agent_id, []).append(task)
    for agent_id, own in tasks_of.items():
        name = outline.names.get(agent_id, agent_id)
        if not run.is_reported:  # its agents begin and end by themselves
            found += of_agent(run, name, AgentSpan.of(own), outline)
        for task in own:
            found += of_task(task, name, tools_of.get(task.pk, []))
    found += more
    # At the same time, entries are in the order of RANK.
    found.sort(key=lambda entry: (entry.at, RANK.index(entry.type)))
    return found + list(ending(run))


def requested(run: Run) -> Entry:
    """A reported run may have started, by its reporter's clock, before its first report arrived."""
    at = min(run.created_at, run.started_at or run.created_at)
    return Entry("boot", str(run.pk), at, "Run requested", origin=run.started_at)


RANK = (
    "boot", "agent_start", "task_start", "tool_start", "llm_start", "handoff", "llm_end",
    "tool_end", "error", "task_end", "agent_end", "control_requested", "control_acknowledged",
    "control_applied", "approval_requested", "approval_decided", "budget_warning",
    "budget_exceeded",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgentSpan:
    """A summary of an agent's started tasks."""

    agent_id: str
    began_at: datetime
    ended_at: datetime | None  # the last end of those that have ended
    statuses: list[str]  # one for each task

    @classmethod
    def of(cls, tasks: Sequence[TaskExecution]) -> Self:
        """Return the span of one agent's tasks, which are given in order."""
        ends = [task.ended_at for task in tasks if task.ended_at]
        statuses = [task.status for task in tasks]
        first = tasks[0]
        return cls(first.agent_id, first.started_at, max(ends, default=None), statuses)


def agent_spans(run: Run, until: datetime | None = None) -> list[AgentSpan]:
    """Read one span for each agent, in one query: as it is now, or as it was at ``until``."""
    query = SPANS[run.is_reported, until is not None]
    return [
        AgentSpan(
            agent_id,
            began,
            ended,
            [
                status
                for status, count in zip(SPAN_STATUSES, counts, strict=True)
                for _ in range(count)
            ],
        )
        for agent_id, began, ended, *counts in query.rows(run=run.pk, until=until)
    ]


def of_agent(run: Run, name: str, span: AgentSpan, outline: Outline) -> Iterator[Entry]:
    about = {"id": span.agent_id, "agent_id": span.agent_id, "agent": name}
    yield Entry("agent_start", at=span.began_at, what="begins to work", **about)
    planned = 0 if run.is_reported else outline.planned_for[span.agent_id]
    has_ended = agent_has_ended(span.statuses, planned)
    if has_ended or run.is_over:
        at = span.ended_at if has_ended else run.ended_at
        yield Entry("agent_end", at=at, what="is done", status=worst(span.statuses), **about)


def of_task(task: TaskExecution, agent: str, tools: list[ToolExecution]) -> Iterator[Entry]:
    about = {"id": str(task.task_id), "agent_id": task.agent_id, "agent": agent, "execution": task}
    yield Entry("task_start", at=task.started_at, what=task.name, **about)
    for tool in tools:
        yield from _tool(tool, agent)
    if task.ended_at:
        if task.status == TaskExecution.Status.FAILED and task.message:
            yield Entry("error", at=task.ended_at, what=task.message, **about)
        yield Entry("task_end", at=task.ended_at, what=task.name, status=task.status, **about)


def _tool(tool: ToolExecution, agent: str) -> Iterator[Entry]:
    about = {"id": str(tool.pk), "agent_id": tool.agent_id, "agent": agent, "execution": tool}
    yield Entry("tool_start", at=tool.started_at, what=tool.tool, **about)
    if tool.ended_at:
        about["detail"] = f"exit code {tool.exit_code}" if tool.exit_code else ""
        yield Entry("tool_end", at=tool.ended_at, what=tool.tool, status=tool.status, **about)


def reason_of(run: Run) -> str:
    """Return why the run has ended, as users read it."""
    return REASONS.get(run.reason, run.reason.replace("_", " ").capitalize())


def ending(run: Run) -> Iterator[Entry]:
    if not run.is_over:
        return
    if run.status == Run.Status.FAILED and run.reason != "task_failed":
        yield Entry("error", str(run.pk), run.ended_at, run.message or run.reason or "failed")
    detail = reason_of(run) if run.status == Run.Status.FAILED else ""
    yield Entry(
        "done", str(run.pk), run.ended_at, f"Run {run.status}", status=run.status, detail=detail
    )
