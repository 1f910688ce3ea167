"""The admin of runs, tool calls and model calls (read-only), and of crews."""

from runs.admin.crew import StartableCrewAdmin
from runs.admin.model_call import ModelCallAdmin
from runs.admin.run import RunAdmin
from runs.admin.tool_execution import ToolExecutionAdmin

__all__ = ["ModelCallAdmin", "RunAdmin", "StartableCrewAdmin", "ToolExecutionAdmin"]
