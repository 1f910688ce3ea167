"""Processes the benchmarks start: each stops with its ``with`` block, its output in a file."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil

PROJECT = Path(__file__).resolve().parent.parent
READY_S = 30.0
STOP_S = 15.0  # between the polite signal and the other one


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A command in a session of its own. Raises ``RuntimeError`` with its output when it fails."""

    def __init__(
        self, *argv: str, log: Path, env: dict[str, str] | None = None, checkout: Path = PROJECT
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                argv,
                cwd=checkout,
                env=os.environ | (env or {}) | {"PYTHONPATH": str(checkout)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def until(self, ready: Callable[[], bool]) -> Self:
        """Wait until it is ready."""
        deadline = time.monotonic() + READY_S
        while not ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self._popen.args} did not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        return self

    @property
    def lives(self) -> bool:
        return self._popen.poll() is None

    def wait(self) -> None:
        """Until it has ended by itself, without a fault."""
        if self._popen.wait():
            raise RuntimeError(f"{self._popen.args} failed:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End it and everything it started."""
        try:
            self._popen.send_signal(signal.SIGTERM)
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        if self._popen.poll() is None or _group_lives(self._popen.pid):
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of all its threads, to the nanosecond."""
        threads = Path(f"/proc/{self._popen.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def cpu_s_of_all(self) -> float:
        """The same of it and the processes that it has started, to ten milliseconds."""
        process = psutil.Process(self._popen.pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return sum(time.user + time.system for time in times)

    def rss_kb(self) -> float:
        """Resident memory."""
        return psutil.Process(self._popen.pid).memory_info().rss / 1024

    def peak_kb(self) -> float:
        """The most resident memory its own process has had since ``forget_peak``."""
        status = Path(f"/proc/{self._popen.pid}/status").read_text()
        return float(status.partition("VmHWM:")[2].split()[0])

    def forget_peak(self) -> None:
        Path(f"/proc/{self._popen.pid}/clear_refs").write_text("5")


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
