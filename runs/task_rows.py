"""The rows of a run page's list: tasks, with the tools that each has called and will call."""

from dataclasses import dataclass, field

from runs.models import TaskExecution, ToolExecution
from runs.versions import version


@dataclass(frozen=True, slots=True)
class Step:
    """A call of a tool, or the plan of one: then ``execution`` is ``None``."""

    number: int
    tool: str
    execution: ToolExecution | None = None
    output: str = ""
    has_body: bool = True  # else what belongs into the opened card is fetched when it is opened
    is_open: bool = False

    @property
    def version(self) -> str:
        tool = self.execution
        if tool is None:
            return version("step", self.number, self.tool)
        reported = (tool.message, tool.progress, tool.exit_code, tool.output_length)
        return version("tool", tool.pk, tool.status, reported, tool.ended_at, self.has_body)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task of the plan and what has come of it."""

    task_id: str
    name: str
    agent_id: str
    agent: str
    status: str  # of the execution, or: pending, skipped
    execution: TaskExecution | None
    steps: list[Step] = field(default_factory=list)
    is_closed: bool = False  # its steps are fetched when somebody opens it
    step_count: int = 0  # of the plan
    run_status: str = ""

    @property
    def version(self) -> str:
        ended_at = self.execution and self.execution.ended_at
        message = self.execution and self.execution.message
        steps = [step.version for step in self.steps]
        shown = (self.run_status, self.status, ended_at, message, self.is_closed)
        return version("task", self.task_id, shown, steps)
