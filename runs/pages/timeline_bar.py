"""The bars of a timeline, and the rule which bars are drawn as one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runs.models import ModelCall, TaskExecution, ToolExecution
from runs.pages.model_events import figures_of

TASK_TOP, TASK_HEIGHT = 5, 24  # pixels in the lane
TOOL_TOP, TOOL_HEIGHT, TOOL_GAP = 33, 20, 3
JOIN_GAP = 1.0  # percent: bars with a smaller gap are drawn as one


@dataclass(frozen=True, slots=True)
class Bar:
    """A task, a tool or a model call in its lane.

    ``start`` and ``end`` are in seconds after the run's start.
    """

    kind: str
    id: str
    label: str
    status: str  # of the execution, or: pending, skipped
    start: float | None
    end: float | None
    x: float
    width: float
    row: int = 0
    record: TaskExecution | ToolExecution | ModelCall | None = None
    count: int = 1  # of the tasks, tools or calls drawn as this bar

    @property
    def y(self) -> int:
        return TASK_TOP if self.kind == "task" else TOOL_TOP + self.row * (TOOL_HEIGHT + TOOL_GAP)

    @property
    def height(self) -> int:
        return TASK_HEIGHT if self.kind == "task" else TOOL_HEIGHT

    @property
    def noun(self) -> str:
        return "Model call" if self.kind == "call" else self.kind.capitalize()

    @property
    def exit_code(self) -> int | None:
        """Of a tool that has ended."""
        return self.record.exit_code if isinstance(self.record, ToolExecution) else None

    @property
    def sign(self) -> str:
        """The mark for the status that does not need colour. Tool statuses use those of tasks."""
        if self.kind == "call" and self.status in ("success", "running"):
            return "model"
        return {"success": "succeeded", "error": "failed"}.get(self.status, self.status)

    @property
    def note(self) -> str:
        """Tokens and cost of an ended model call."""
        is_call = isinstance(self.record, ModelCall) and self.record.ended_at
        return figures_of(self.record) if is_call else ""

    @property
    def href(self) -> str:
        """The element of the page that says more about the bar."""
        return f"event-llm_start-{self.id}" if self.kind == "call" else f"{self.kind}-{self.id}"

    @property
    def progress(self) -> float | None:
        """0..1 of a running tool that reports its progress."""
        return getattr(self.record, "progress", None) if self.status == "running" else None


def drawn_as_one(bars: Iterable[Bar]) -> list[Bar]:
    """Merge ``bars`` of one lane that look like one. A merged bar links to its first one."""
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
    "failed", "error", "completed_with_errors", "cancelled", "skipped", "pending", "succeeded",
    "success",
)  # fmt: skip


def _touch(left: Bar, right: Bar) -> bool:
    same = (left.kind, left.row) == (right.kind, right.row)
    alike = (left.start is None) == (right.start is None)
    ended = "running" not in (left.status, right.status)
    narrow = max(left.width / left.count, right.width) < JOIN_GAP
    return same and alike and ended and narrow and right.x - left.x - left.width < JOIN_GAP
