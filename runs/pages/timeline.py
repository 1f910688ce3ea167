"""A run's timeline: a lane per agent, with its tasks and tools as bars on a common time axis.

Positions are percentages of the chart's width, so the chart fits every screen. The part left of
``share`` shows the past to scale. The part right of it shows the tasks that have not started, in
equal slots. While the run continues, the page's script does the same calculations, so that bars
grow with the clock.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.utils import timezone

from runs.models import ModelCall, Run, TaskExecution, ToolExecution
from runs.pages.pauses import Span
from runs.pages.run_outline import Outline, PlannedTask
from runs.pages.timeline_bar import TOOL_GAP, TOOL_HEIGHT, TOOL_TOP, Bar, drawn_as_one
from runs.pages.timeline_lanes import Lanes
from runs.pages.versions import version

# Spans of an unfinished run's axis, in seconds. Each leaves space to grow; none is twice the last.
SPANS_S = (
    5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700,
    3600, 5400, 7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400,
)  # fmt: skip
TICKS_S = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
    43200, 86400,
)  # fmt: skip
TICKS_AT_MOST = 9
SLOT = 14.0  # percent of the width for a task that has not started
SLOTS_AT_MOST = 42.0  # percent for all of them
FULL = 0.97  # of an unfinished run's axis that the past may fill; also in timeline_scale.js
THINNEST = 0.4  # percent: the narrowest bar to be seen and clicked; also in timeline_scale.js
BARS_APART = 40  # in a lane; if there are more, narrow bars that touch are drawn as one
TOOL_ROWS = 6  # parallel tools get a row each, up to this number


@dataclass
class Lane:
    """The activity of one agent."""

    agent_id: str
    name: str
    role: str
    bars: list[Bar] = field(default_factory=list)

    @cached_property
    def version(self) -> str:
        """Changes if the content of the lane changes, except through the clock."""
        bars = [
            (b.id, b.label, b.status, b.start, b.end, b.row, b.count, b.progress) for b in self.bars
        ]
        unstarted = [(bar.x, bar.width) for bar in self.bars if bar.start is None]
        return version("lane", self.agent_id, self.name, self.role, bars, unstarted)

    @property
    def height(self) -> int:
        rows = max((bar.row for bar in self.bars if bar.kind != "task"), default=0) + 1
        return TOOL_TOP + rows * (TOOL_HEIGHT + TOOL_GAP) + 4

    @property
    def status(self) -> str:
        """``running`` while one of its tasks is running, else ``idle``."""
        return "running" if any(bar.status == "running" for bar in self.bars) else "idle"


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of the run, in seconds after its start. ``end``: None while it goes on."""

    start: float
    end: float | None
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


class Timeline:
    """The chart of ``run`` at the time ``now``, with the given ``lanes`` or all.

    ``tasks``, ``tools`` and ``calls`` (of models) are the executions in these lanes. ``begun`` are
    the ids of all started tasks.
    """

    spans_s = SPANS_S
    ticks_s = TICKS_S

    def __init__(
        self,
        run: Run,
        tasks: Iterable[TaskExecution],
        tools: Iterable[ToolExecution],
        *,
        calls: Iterable[ModelCall] = (),
        now: datetime | None = None,
        outline: Outline | None = None,
        lanes: Lanes | None = None,
        begun: Container[str] | None = None,
        pauses: Iterable[Span] = (),
    ) -> None:
        self._run = run
        self._outline = outline or Outline(run.plan)
        self._now = now or timezone.now()
        self._tasks = {str(task.task_id): task for task in tasks}
        begun = self._tasks if begun is None else begun
        unstarted = [t for t in self._outline.tasks if t.task_id not in begun]
        self.chosen = lanes or Lanes(tuple(self._outline.lanes), len(self._outline.lanes))
        self._slots = {task.task_id: slot for slot, task in enumerate(unstarted)}
        room = min(SLOT * len(unstarted), SLOTS_AT_MOST)
        self.share = 100.0 - room if run.started_at else 0.0  # percent of the width for the past
        self.elapsed_s = run.duration_s
        self.span_s = max(self.elapsed_s, 0.001) if run.is_over else room_for(self.elapsed_s)
        self.lanes = self._lanes([*tools, *calls])
        self.pauses = [self._pause(*span) for span in pauses if run.started_at]
        self.ticks = [
            Tick(self._x(second), clock(second))
            for second in tick_seconds(self.span_s)
            if run.started_at
        ]

    def _lanes(self, tools: Sequence[ToolExecution | ModelCall]) -> list[Lane]:
        agents = {agent["agent_id"]: agent for agent in self._outline.agents}
        shown = {
            id: Lane(id, agent["name"], agent["role"])
            if (agent := agents.get(id))
            else Lane(id, id, "")
            for id in self.chosen.shown
        }
        for task in self._outline.tasks:
            if task.agent_id in shown:
                shown[task.agent_id].bars.append(self._task_bar(task))
        tools_of: dict[str, list[ToolExecution | ModelCall]] = {}
        for tool in sorted(tools, key=lambda tool: tool.started_at):
            tools_of.setdefault(tool.agent_id, []).append(tool)
        for agent_id, lane in shown.items():
            lane.bars += self._call_bars(tools_of.get(agent_id, []))
            if len(lane.bars) > BARS_APART or not self.chosen.are_all:
                lane.bars = drawn_as_one(lane.bars)
        return list(shown.values())

    def _task_bar(self, task: PlannedTask) -> Bar:
        if execution := self._tasks.get(task.task_id):
            return self._bar("task", task.task_id, task.name, execution)
        status = "skipped" if self._run.is_over else "pending"
        width = (100.0 - self.share) / len(self._slots)
        x = self.share + self._slots[task.task_id] * width
        return Bar("task", task.task_id, task.name, status, None, None, x, width)

    def _call_bars(self, tools: Sequence[ToolExecution | ModelCall]) -> list[Bar]:
        """The bars below those of the tasks: a row more for what happens at the same time."""
        free_at: list[datetime] = []  # when each row's last tool ended
        bars = []
        for tool in tools:
            rows = [row for row, end in enumerate(free_at) if end <= tool.started_at]
            row = rows[0] if rows else min(len(free_at), TOOL_ROWS - 1)
            free_at[row:] = [tool.ended_at or self._now + timedelta(days=1), *free_at[row + 1 :]]
            is_tool = isinstance(tool, ToolExecution)
            kind, label = ("tool", tool.tool) if is_tool else ("call", tool.model or "model")
            bars.append(self._bar(kind, str(tool.pk), label, tool, row))
        return bars

    def _bar(
        self,
        kind: str,
        id: str,
        label: str,
        record: TaskExecution | ToolExecution | ModelCall,
        row: int = 0,
    ) -> Bar:
        start = self._second(record.started_at)
        end = self._second(record.ended_at) if record.ended_at else None
        x = self._x(start)
        until = self._x(self._second(self._now) if end is None else end)
        width = max(min(until, self.share) - x, THINNEST)
        return Bar(kind, id, label, record.status, start, end, x, width, row, record)

    def _pause(self, first: datetime, last: datetime) -> Pause:
        start, end = self._second(first), self._second(last)
        x = self._x(start)
        goes_on = not self._run.is_over and last >= self._now
        return Pause(start, None if goes_on else end, x, max(self._x(end) - x, THINNEST))

    def _second(self, moment: datetime) -> float:
        since = self._run.started_at or self._run.created_at
        return round(max((moment - since).total_seconds(), 0.0), 3)

    def _x(self, second: float) -> float:
        return min(second / self.span_s * self.share, max(self.share - THINNEST, 0.0))


def room_for(elapsed_s: float) -> float:
    """Return a span for the axis that leaves space for the run to continue."""
    days = elapsed_s // SPANS_S[-1] + 1
    return next((span for span in SPANS_S if elapsed_s <= span * FULL), days * SPANS_S[-1])


def tick_seconds(span_s: float) -> list[float]:
    """Return the round seconds to mark on an axis with this span, 0 first."""
    step = next((t for t in TICKS_S if span_s / t <= TICKS_AT_MOST), span_s / TICKS_AT_MOST)
    return [round(number * step, 3) for number in range(int(span_s / step) + 1)]


def clock(second: float) -> str:
    """Format a time of the run: ``0.5 s``, ``12 s``, ``2:30``, ``1:05:00``.

    Times before the run's start are negative.
    """
    sign, second = ("\N{MINUS SIGN}" if second < 0 else ""), abs(second)
    if second < 60:
        return f"{sign}{second:g} s"
    minutes, seconds = divmod(int(second), 60)
    hours, minutes = divmod(minutes, 60)
    return sign + (f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}")
