"""Failures in a task that serves all sockets of a process: it logs them and continues."""

from logging import Logger

from django.db import Error as DatabaseError


def log_failure(logger: Logger, what: str, error: Exception) -> None:
    """Log ``what`` failed: a database that does not answer in a line, else with the traceback."""
    if isinstance(error, DatabaseError):
        logger.warning("%s (%s); trying again", what, error)
    else:
        logger.error("%s; trying again", what, exc_info=error)
