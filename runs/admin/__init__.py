"""The admin of what happens: runs and tool calls to look at, and crews, which can be started."""

from runs.admin.crew import StartableCrewAdmin
from runs.admin.run import RunAdmin
from runs.admin.tool_execution import ToolExecutionAdmin

__all__ = ["RunAdmin", "StartableCrewAdmin", "ToolExecutionAdmin"]
