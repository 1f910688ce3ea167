"""The standard output of the stack: what supervisord and its programs say, on the descriptor as given.

`/dev/fd/1` would open it anew, and that is refused for a terminal or a file of another user (as under
``su``) and for a socket (as under a service manager).
"""

import logging
import os
import select
from contextlib import suppress

from supervisor import events, loggers

DESCRIPTOR = 1


def write(data: bytes) -> None:
    """Write all of it; waits where the reader is slow, and drops it where nobody reads any more."""
    with suppress(OSError):
        while data:
            try:
                data = data[os.write(DESCRIPTOR, data) :]
            except BlockingIOError:  # whoever shares the descriptor has made it so
                select.select([], [DESCRIPTOR], [])


def pass_on(event: events.ProcessLogStdoutEvent) -> None:
    """What a program has said, as it came."""
    data = event.data
    write(data if isinstance(data, bytes) else data.encode())


class SupervisorLog(loggers.Handler):
    """supervisord's own log, in the form of everybody's."""

    def emit(self, record: loggers.LogRecord) -> None:
        # The levels of the two have the same numbers.
        line = logging.LogRecord(
            "supervisor", record.level, "", 0, "%s", (record.asdict()["message"],), None
        )
        formatter = logging.getLogger().handlers[0].formatter
        write(f"{formatter.format(line)}\n".encode())

    def flush(self) -> None:
        """Nothing is kept back."""

    # There is no file to close, to open anew or to remove.
    close = reopen = remove = flush
