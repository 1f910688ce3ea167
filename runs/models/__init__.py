"""What happens: runs, the tasks and tools they execute, and the workers that carry them out."""

from crews.tracking import IllegalMove
from runs.models.output_chunk import OutputChunk
from runs.models.run import Run, StaleAttempt
from runs.models.task_execution import TaskExecution
from runs.models.tool_execution import ToolExecution
from runs.models.worker import Worker

__all__ = [
    "IllegalMove",
    "OutputChunk",
    "Run",
    "StaleAttempt",
    "TaskExecution",
    "ToolExecution",
    "Worker",
]
