"""What happened in a run, as a list for people: its events and the start and end of every tool.

It is read from the rows, not from an event log: a run can be told long after its events are pruned.
The order is that of the events: by time, and at the same time by what brings about what.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runs.models import Run, TaskExecution, ToolExecution
from runs.run_outline import Outline
from runs.versions import version


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``type`` is the event's name on the wire, ``id`` what it is about."""

    type: str
    id: str
    at: datetime
    what: str
    status: str = ""
    agent_id: str = ""
    agent: str = ""
    detail: str = ""
    execution: ToolExecution | TaskExecution | None = None
    origin: datetime | None = None  # of the clock, where it may begin after the entry

    @property
    def version(self) -> str:
        return version("event", self.type, self.id, self.at, self.status, self.origin)

    @property
    def kind(self) -> str:
        """What it is filtered by: run, agent, task, tool or error."""
        return {"boot": "run", "done": "run"}.get(self.type, self.type.partition("_")[0])

    @property
    def is_trouble(self) -> bool:
        return self.kind == "error" or self.status in ("failed", "error", "completed_with_errors")


def entries(
    run: Run,
    tasks: Sequence[TaskExecution],
    tools: Iterable[ToolExecution],
    outline: Outline | None = None,
) -> list[Entry]:
    """All that has happened so far, oldest first."""
    outline = outline or Outline(run.plan)
    told = [Entry("boot", str(run.pk), run.created_at, "Run requested", origin=run.started_at)]
    tools_of: dict[Any, list[ToolExecution]] = {}
    for tool in tools:
        tools_of.setdefault(tool.task_execution_id, []).append(tool)
    tasks_of: dict[str, list[TaskExecution]] = {}
    for task in tasks:
        tasks_of.setdefault(task.agent_id, []).append(task)
    for agent_id, own in tasks_of.items():
        name = outline.names.get(agent_id, agent_id)
        told += _agent(run, agent_id, name, own, outline.planned_for[agent_id])
        for task in own:
            told += _task(task, name, tools_of.get(task.pk, []))
    # Sorting keeps what happened at the same time in the order of RANK.
    told.sort(key=lambda entry: (entry.at, RANK.index(entry.type)))
    return told + list(_ending(run))


RANK = (
    "boot", "agent_start", "task_start", "tool_start", "tool_end", "error", "task_end", "agent_end",
)  # fmt: skip


def _agent(
    run: Run, agent_id: str, name: str, tasks: list[TaskExecution], planned: int
) -> Iterator[Entry]:
    about = {"id": agent_id, "agent_id": agent_id, "agent": name}
    yield Entry("agent_start", at=tasks[0].started_at, what="begins to work", **about)
    statuses = {task.status for task in tasks}
    if "running" not in statuses and (len(tasks) >= planned or run.is_over):
        cut_short = len(tasks) < planned
        at = run.ended_at if cut_short else max(task.ended_at for task in tasks)
        worst = next(s for s in ("failed", "cancelled", "succeeded") if s in statuses)
        yield Entry("agent_end", at=at, what="is done", status=worst, **about)


def _task(task: TaskExecution, agent: str, tools: list[ToolExecution]) -> Iterator[Entry]:
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


def _ending(run: Run) -> Iterator[Entry]:
    if not run.is_over:
        return
    if run.status == Run.Status.FAILED and run.reason != "task_failed":
        yield Entry("error", str(run.pk), run.ended_at, run.message or run.reason or "failed")
    detail = run.reason if run.status == Run.Status.FAILED else ""
    yield Entry(
        "done", str(run.pk), run.ended_at, f"Run {run.status}", status=run.status, detail=detail
    )
