"""Runs, the tasks and tools that they execute, and the workers that execute them."""

from crews.tracking import InvalidState
from runs.models.approval import Approval
from runs.models.budget_alert import BudgetAlert
from runs.models.call_text import CallText
from runs.models.control import Control
from runs.models.handoff import Handoff
from runs.models.model_call import ModelCall
from runs.models.output_chunk import OutputChunk
from runs.models.report import StaleAttempt
from runs.models.reported_run import AgentExecution, ReportedRun, SeenEvent
from runs.models.run import Run
from runs.models.task_execution import TaskExecution
from runs.models.tool_execution import ToolExecution
from runs.models.trace import Trace, TraceSpan
from runs.models.usage import Usage
from runs.models.worker import Worker

__all__ = [
    "AgentExecution",
    "Approval",
    "BudgetAlert",
    "CallText",
    "Control",
    "Handoff",
    "InvalidState",
    "ModelCall",
    "OutputChunk",
    "ReportedRun",
    "Run",
    "SeenEvent",
    "StaleAttempt",
    "TaskExecution",
    "ToolExecution",
    "Trace",
    "TraceSpan",
    "Usage",
    "Worker",
]
