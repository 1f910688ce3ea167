"""The rows of a run page's list: tasks, with their past and future tool calls."""

from dataclasses import dataclass, field
from functools import cached_property

from runs.models import Approval, TaskExecution, ToolExecution
from runs.pages import transcript
from runs.pages.versions import version


@dataclass(frozen=True)
class Step:
    """A tool call, or a planned one: then ``execution`` is ``None``."""

    number: int
    tool: str
    execution: ToolExecution | None = None
    written: str = ""  # the end of the output, with its control sequences
    has_body: bool = True  # else the card's content is fetched when the card is opened
    is_open: bool = False
    approval: Approval | None = None  # that the call waits for, or that has refused it
    has_past_output: bool = False  # the output as it was at a moment of the past

    @property
    def output(self) -> str:
        return transcript.plain(self.written)

    @property
    def needs_terminal(self) -> bool:
        return transcript.needs_terminal(self.written)

    @property
    def is_shown_whole(self) -> bool:
        """Whether ``output`` is what a terminal would show: a page need not ask for more."""
        if self.execution is not None and self.execution.output_length == 0:
            return True
        return bool(self.written) and not self.needs_terminal

    @cached_property
    def version(self) -> str:
        tool = self.execution
        if tool is None:
            asked = self.approval
            decision = (asked.pk, asked.status, asked.by, asked.note) if asked else None
            return version("step", self.number, self.tool, decision)
        reported = (tool.message, tool.progress, tool.exit_code, tool.output_length)
        has = (self.has_body, self.has_past_output)
        return version("tool", tool.pk, tool.status, reported, tool.ended_at, *has)


@dataclass(frozen=True)
class TaskRow:
    """A task of the plan and its result."""

    task_id: str
    name: str
    agent_id: str
    agent: str
    status: str  # of the execution, or: pending, skipped
    execution: TaskExecution | None
    steps: list[Step] = field(default_factory=list)
    is_closed: bool = False  # its steps are fetched when a user opens it
    step_count: int = 0  # in the plan, or of a reported run: until now
    run_status: str = ""

    @cached_property
    def version(self) -> str:
        ended_at = self.execution and self.execution.ended_at
        message = self.execution and self.execution.message
        steps = [step.version for step in self.steps]
        shown = (
            self.name,
            self.agent,
            self.run_status,
            self.status,
            ended_at,
            message,
            self.is_closed,
            self.step_count if self.is_closed else None,
        )
        return version("task", self.task_id, shown, steps)
