"""A web process that reports the objects it holds, and its files and threads seen from outside."""

import json
import os
import signal

import psutil

from tests.live import Web, eventually
from tests.security.watched import MARK


class WatchedWeb(Web):
    """``held()`` also counts files and threads."""

    module = "tests.security.watched"

    def held(self) -> dict[str, int]:
        seen = self.log.read_text(errors="replace").count(MARK)
        os.kill(self.pid, signal.SIGUSR1)
        eventually(lambda: self.log.read_text(errors="replace").count(MARK) > seen)
        line = self.log.read_text(errors="replace").rpartition(MARK)[2]
        process = psutil.Process(self.pid)
        seen_from_outside = {"fds": process.num_fds(), "threads": process.num_threads()}
        return json.loads(line.splitlines()[0]) | seen_from_outside

    def rss(self) -> int:
        return psutil.Process(self.pid).memory_info().rss
