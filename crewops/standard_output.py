"""Writes the output of supervisord and its programs to the inherited standard output.

The path `/dev/fd/1` would open it again. That is refused for a terminal or a file of another user
(as under ``su``) and for a socket (as under a service manager).
"""

import logging
import os
import select
from contextlib import suppress

from supervisor import events, loggers

DESCRIPTOR = 1


def write(data: bytes) -> None:
    """Write all of ``data``. Wait if the reader is slow; drop it if the reader has ended."""
    with suppress(OSError):
        while data:
            try:
                data = data[os.write(DESCRIPTOR, data) :]
            except BlockingIOError:  # another process that shares it made it non-blocking
                select.select([], [DESCRIPTOR], [])


def pass_on(event: events.ProcessLogStdoutEvent) -> None:
    """Write a program's output unchanged."""
    data = event.data
    write(data if isinstance(data, bytes) else data.encode())


class SupervisorLog(loggers.Handler):
    """supervisord's own log, in the format of all other log lines."""

    def emit(self, record: loggers.LogRecord) -> None:
        # Both libraries use the same numbers for levels.
        line = logging.LogRecord(
            "supervisor", record.level, "", 0, "%s", (record.asdict()["message"],), None
        )
        formatter = logging.getLogger().handlers[0].formatter
        write(f"{formatter.format(line)}\n".encode())

    def flush(self) -> None:
        """Does nothing: nothing is buffered."""

    # There is no file to close, reopen or remove.
    close = reopen = remove = flush
