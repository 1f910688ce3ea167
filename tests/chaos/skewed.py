"""``python -m tests.chaos.skewed SECONDS MODULE ...``: runs the module in a process whose clock is
wrong.

The clock of the process is, the database's is not: as with a worker on a machine without time
service.
"""

import runpy
import sys
import time
from datetime import UTC, datetime, timedelta

from django.utils import timezone


def skew(seconds: float) -> None:
    right = time.time
    time.time = lambda: right() + seconds
    timezone.now = lambda: datetime.now(UTC) + timedelta(seconds=seconds)


if __name__ == "__main__":
    skew(float(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
