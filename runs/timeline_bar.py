"""The bars of a timeline, and which of them are drawn as one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runs.models import TaskExecution, ToolExecution

TASK_TOP, TASK_HEIGHT = 5, 24  # pixels in the lane
TOOL_TOP, TOOL_HEIGHT, TOOL_GAP = 33, 20, 3
TOUCH = 1.0  # percent: bars with a smaller gap are drawn as one


@dataclass(frozen=True, slots=True)
class Bar:
    """A task or a tool in its lane. ``start`` and ``end`` in seconds after the run's start."""

    kind: str
    id: str
    label: str
    status: str  # of the execution, or: pending, skipped
    start: float | None
    end: float | None
    x: float
    width: float
    row: int = 0
    record: TaskExecution | ToolExecution | None = None
    count: int = 1  # of what is drawn as this one

    @property
    def y(self) -> int:
        return TASK_TOP if self.kind == "task" else TOOL_TOP + self.row * (TOOL_HEIGHT + TOOL_GAP)

    @property
    def height(self) -> int:
        return TASK_HEIGHT if self.kind == "task" else TOOL_HEIGHT

    @property
    def sign(self) -> str:
        """The mark that tells the status without its colour; a tool's ends have a task's."""
        return {"success": "succeeded", "error": "failed"}.get(self.status, self.status)

    @property
    def progress(self) -> float | None:
        """0..1 of a running tool that tells how far it is."""
        return getattr(self.record, "progress", None) if self.status == "running" else None


def drawn_as_one(bars: Iterable[Bar]) -> list[Bar]:
    """``bars`` of one lane, those that nobody could tell apart as one: it leads to the first."""
    merged: list[Bar] = []
    for bar in sorted(bars, key=lambda bar: (bar.kind, bar.row, bar.x)):
        last = merged[-1] if merged else None
        if last and _touch(last, bar):
            worst = min(last, bar, key=lambda one: WORST_FIRST.index(one.status))
            merged[-1] = replace(
                last,
                label=f"{last.count + 1} {bar.kind}s",
                status=worst.status,
                end=bar.end,
                width=bar.x + bar.width - last.x,
                record=None,
                count=last.count + 1,
            )
        else:
            merged.append(bar)
    return merged


WORST_FIRST = (
    "failed", "error", "completed_with_errors", "cancelled", "skipped", "pending", "succeeded", "success",
)  # fmt: skip


def _touch(left: Bar, right: Bar) -> bool:
    same = (left.kind, left.row) == (right.kind, right.row)
    alike = (left.start is None) == (right.start is None)
    ended = "running" not in (left.status, right.status)
    narrow = max(left.width / left.count, right.width) < TOUCH
    return same and alike and ended and narrow and right.x - left.x - left.width < TOUCH
