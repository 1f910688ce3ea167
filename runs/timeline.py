"""A run's timeline: a lane an agent, its tasks and tools as bars over one axis of time.

Positions are percentages of the chart's width, so that it fits every screen. Left of ``share`` is
what has happened, to scale; right of it the tasks that have not begun, in equal slots. While the
run goes on the page's script does the same sums again, so that bars grow with the clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from runs.models import Run, TaskExecution, ToolExecution
from runs.run_outline import Outline, PlannedTask
from runs.timeline_bar import TOOL_GAP, TOOL_HEIGHT, TOOL_TOP, Bar, drawn_as_one
from runs.versions import version

# Seconds an unfinished run's axis may span: each leaves room to grow, none is twice the last.
SPANS_S = (
    5, 8, 12, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700,
    3600, 5400, 7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400,
)  # fmt: skip
TICKS_S = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
    43200, 86400,
)  # fmt: skip
TICKS_AT_MOST = 9
SLOT = 14.0  # percent of the width for a task that has not begun
SLOTS_AT_MOST = 42.0  # percent for all of them
THINNEST = 0.4  # percent: a bar that can still be seen and clicked
LANES_AT_MOST = 20  # of a run with more agents a few: those at work, then those that were last
LANES_OF_MANY = 10
BARS_APART = 40  # of a lane; where it has more, narrow ones that touch are drawn as one
TOOL_ROWS = 6  # tools that run at once get a row each, up to this many


@dataclass(slots=True)
class Lane:
    """What one agent does."""

    agent_id: str
    name: str
    role: str
    bars: list[Bar] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Changes with what the lane shows, but for the clock."""
        bars = [
            (b.id, b.label, b.status, b.start, b.end, b.row, b.count, b.progress) for b in self.bars
        ]
        unstarted = [(bar.x, bar.width) for bar in self.bars if bar.start is None]
        return version("lane", self.agent_id, bars, unstarted)

    @property
    def height(self) -> int:
        rows = max((bar.row for bar in self.bars if bar.kind == "tool"), default=0) + 1
        return TOOL_TOP + rows * (TOOL_HEIGHT + TOOL_GAP) + 4

    @property
    def status(self) -> str:
        """``running`` while one of its tasks is, else ``idle``."""
        return "running" if any(bar.status == "running" for bar in self.bars) else "idle"


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


class Timeline:
    """The chart of ``run`` at the moment ``now``; ``tasks`` and ``tools`` are its executions."""

    spans_s = SPANS_S
    ticks_s = TICKS_S

    def __init__(
        self,
        run: Run,
        tasks: Iterable[TaskExecution],
        tools: Iterable[ToolExecution],
        *,
        now: datetime | None = None,
        outline: Outline | None = None,
    ) -> None:
        self._run = run
        self._outline = outline or Outline(run.plan)
        self._now = now or timezone.now()
        self._tasks = {str(task.task_id): task for task in tasks}
        unstarted = [t for t in self._outline.tasks if t.task_id not in self._tasks]
        self._slots = {task.task_id: slot for slot, task in enumerate(unstarted)}
        room = min(SLOT * len(unstarted), SLOTS_AT_MOST)
        self.share = 100.0 - room if run.started_at else 0.0  # percent of the width that is time
        self.elapsed_s = run.duration_s
        self.span_s = max(self.elapsed_s, 0.001) if run.is_over else room_for(self.elapsed_s)
        self.lanes = self._lanes(list(tools))
        self.ticks = [
            Tick(self._x(second), clock(second))
            for second in tick_seconds(self.span_s)
            if run.started_at
        ]

    def _lanes(self, tools: Sequence[ToolExecution]) -> list[Lane]:
        lanes = {
            agent["agent_id"]: Lane(agent["agent_id"], agent["name"], agent["role"])
            for agent in self._outline.agents
        }
        for task in self._outline.tasks:
            lanes.setdefault(task.agent_id, Lane(task.agent_id, task.agent_id, ""))
        shown = self._chosen(lanes)
        self.lanes_left_out = len(lanes) - len(shown)
        for task in self._outline.tasks:
            if task.agent_id in shown:
                shown[task.agent_id].bars.append(self._task_bar(task))
        tools_of: dict[str, list[ToolExecution]] = {}
        for tool in tools:
            tools_of.setdefault(tool.agent_id, []).append(tool)
        for agent_id, lane in shown.items():
            lane.bars += self._tool_bars(tools_of.get(agent_id, []))
            if len(lane.bars) > BARS_APART or self.lanes_left_out:
                lane.bars = drawn_as_one(lane.bars)
        return list(shown.values())

    def _chosen(self, lanes: dict[str, Lane]) -> dict[str, Lane]:
        """Of many lanes those at work, then those that were last, in the order of the plan."""
        if len(lanes) <= LANES_AT_MOST:
            return lanes
        recent = sorted(
            self._tasks.values(),
            key=lambda task: (task.status == TaskExecution.Status.RUNNING, task.started_at),
            reverse=True,
        )
        order = dict.fromkeys([*(task.agent_id for task in recent), *lanes])
        chosen = set(list(order)[:LANES_OF_MANY])
        return {agent_id: lane for agent_id, lane in lanes.items() if agent_id in chosen}

    def _task_bar(self, task: PlannedTask) -> Bar:
        if execution := self._tasks.get(task.task_id):
            return self._bar("task", task.task_id, task.name, execution)
        status = "skipped" if self._run.is_over else "pending"
        width = (100.0 - self.share) / len(self._slots)
        x = self.share + self._slots[task.task_id] * width
        return Bar("task", task.task_id, task.name, status, None, None, x, width)

    def _tool_bars(self, tools: Sequence[ToolExecution]) -> list[Bar]:
        free_at: list[datetime] = []  # when each row's last tool ended
        bars = []
        for tool in tools:
            rows = [row for row, end in enumerate(free_at) if end <= tool.started_at]
            row = rows[0] if rows else min(len(free_at), TOOL_ROWS - 1)
            free_at[row:] = [tool.ended_at or self._now + timedelta(days=1), *free_at[row + 1 :]]
            bars.append(self._bar("tool", str(tool.pk), tool.tool, tool, row))
        return bars

    def _bar(
        self, kind: str, id: str, label: str, record: TaskExecution | ToolExecution, row: int = 0
    ) -> Bar:
        start = self._second(record.started_at)
        end = self._second(record.ended_at) if record.ended_at else None
        x = self._x(start)
        until = self._x(self._second(self._now) if end is None else end)
        width = max(min(until, self.share) - x, THINNEST)
        return Bar(kind, id, label, record.status, start, end, x, width, row, record)

    def _second(self, moment: datetime) -> float:
        since = self._run.started_at or self._run.created_at
        return round(max((moment - since).total_seconds(), 0.0), 3)

    def _x(self, second: float) -> float:
        return min(second / self.span_s * self.share, max(self.share - THINNEST, 0.0))


def room_for(elapsed_s: float) -> float:
    """The span of an axis that has room for the run to go on."""
    days = elapsed_s // SPANS_S[-1] + 1
    return next((span for span in SPANS_S if elapsed_s <= span * 0.97), days * SPANS_S[-1])


def tick_seconds(span_s: float) -> list[float]:
    """The round seconds to mark on an axis of that span, 0 first."""
    step = next((t for t in TICKS_S if span_s / t <= TICKS_AT_MOST), span_s / TICKS_AT_MOST)
    return [round(number * step, 3) for number in range(int(span_s / step) + 1)]


def clock(second: float) -> str:
    """A moment of the run: ``0.5 s``, ``12 s``, ``2:30``, ``1:05:00``; negative before its start."""
    sign, second = ("\N{MINUS SIGN}" if second < 0 else ""), abs(second)
    if second < 60:
        return f"{sign}{second:g} s"
    minutes, seconds = divmod(int(second), 60)
    hours, minutes = divmod(minutes, 60)
    return sign + (f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}")
