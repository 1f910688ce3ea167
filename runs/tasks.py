"""Where Celery looks for tasks. A message names this module, so the name must not change."""

from runs.execution.helper_task import help_run
from runs.execution.worker import execute_run

__all__ = ["execute_run", "help_run"]
