"""Starting the launcher, which runs one command and leaves nothing of it behind."""

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex

from django.conf import settings

from runs.tools import fork_server
from runs.tools.output import Output

NOTES_VARIABLE = "CREWOPS_NOTES_FD"
SECRETS_VARIABLE = "CREWOPS_SECRETS_FD"
MARK_VARIABLE = "CREWOPS_BOX"  # in the environment of every process of one call
STOP_S = 4.0  # the launcher ends a process tree well within this
SIGN_S = 1.0  # between two signs of life to the launcher
SPARE_S = 5.0  # a worker may be silent for a lease and this, which is waiting for the database


@dataclass(frozen=True, slots=True)
class Limits:
    """Kept by the kernel for each process or file, and by the launcher for all of them together."""

    cpu_s: int
    memory_bytes: int  # address space of a process; resident memory of all
    file_bytes: int
    open_files: int
    processes: int
    workspace_bytes: int
    workspace_files: int


@dataclass(frozen=True, slots=True)
class Order:
    """What the launcher is told, as one line of JSON. See box.py for `tier`, `uid` and `readable`."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    workspace: str
    tier: str
    uid: int | None
    limits: Limits
    readable: list[str]
    network: bool
    silence_s: float = field(default_factory=lambda: settings.RUN_LEASE_S + SPARE_S)


class Launched:
    """A running launcher, its pipes and its report."""

    def __init__(
        self, order: Order, *, with_notes: bool = False, secrets: Sequence[str] = ()
    ) -> None:
        self._report, report_writer = os.pipe()
        output, output_writer = os.pipe()
        order_reader, order_writer = os.pipe()
        handed_over = [order_reader, output_writer, report_writer]
        request = 0
        notes = None
        if with_notes:
            notes, notes_writer = os.pipe()
            request |= fork_server.NOTES
            handed_over.append(notes_writer)
            order.env[NOTES_VARIABLE] = str(fork_server.NOTES_FD)
        if secrets:
            request |= fork_server.SECRETS
            handed_over.append(_pipe_with(secrets))
            order.env[SECRETS_VARIABLE] = str(fork_server.SECRETS_FD)
        self._mark = order.env[MARK_VARIABLE] = token_hex(16)
        try:
            self._pid = fork_server.fork(request, handed_over)
        except BaseException:
            for descriptor in (self._report, output, order_writer, *([notes] if notes else [])):
                os.close(descriptor)
            raise
        finally:
            for descriptor in handed_over:
                os.close(descriptor)
        self._stopped_at: float | None = None
        self._sign_at = time.monotonic()
        self.output = Output(output, limit=settings.TOOLS_OUTPUT_LIMIT_BYTES, notes=notes)
        self._order_pipe = os.fdopen(order_writer, "wb")
        with contextlib.suppress(BrokenPipeError):  # it died at once; finish() says so
            self._order_pipe.write(json.dumps(asdict(order)).encode() + b"\n")
            self._order_pipe.flush()

    def give_sign(self) -> None:
        """Tell the launcher that somebody still watches; without that it ends the command in the end."""
        if self._stopped_at is None and time.monotonic() - self._sign_at > SIGN_S:
            self._sign_at = time.monotonic()
            with contextlib.suppress(BrokenPipeError):
                self._order_pipe.write(b"\n")
                self._order_pipe.flush()

    def stop(self) -> None:
        """End the whole process tree: SIGTERM, and after a grace SIGKILL."""
        self._stopped_at = self._stopped_at or time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            self._order_pipe.close()

    def overdue(self) -> bool:
        """Whether the launcher was stopped, or has reported or died, for longer than ending
        everything takes."""
        if self._stopped_at is None and self._reports_within(0):
            self._stopped_at = time.monotonic()
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > STOP_S

    def finish(self) -> dict:
        """Stop it if need be and wait for the end. The launcher's report: `exit_code` and `stopped`,
        or `error` when the command did not start."""
        self.stop()
        try:
            line = self._read_report()
        finally:
            os.close(self._report)
        if line:
            return json.loads(line)
        # Only in the lowest tier a tool can kill its launcher, and so get away from it.
        self._kill_marked()
        return {"error": "The process that ran the tool was killed."}

    def _read_report(self) -> bytes:
        """The line it reported, once the launcher and all that it forked for itself are gone."""
        report = b""
        for last in (False, True):
            deadline = time.monotonic() + STOP_S
            while self._reports_within(deadline - time.monotonic()):
                if not (chunk := os.read(self._report, 65536)):
                    return report.partition(b"\n")[0]
                report += chunk
            if not last:
                fork_server.kill(self._pid)
        return report.partition(b"\n")[0]

    def _reports_within(self, seconds: float) -> bool:
        """Whether there is something to read, its end included."""
        reader = select.poll()
        reader.register(self._report, select.POLLIN)
        return bool(reader.poll(max(0.0, seconds) * 1000))

    def _kill_marked(self) -> None:
        mark = f"{MARK_VARIABLE}={self._mark}".encode()
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            marked = [entry for entry in Path("/proc").glob("[0-9]*") if _has(entry, mark)]
            if not marked:
                return
            for entry in marked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.name), signal.SIGKILL)


def _pipe_with(lines: Sequence[str]) -> int:
    """The read end of a pipe that holds the lines and nothing after them: read once, they are gone."""
    text = "".join(f"{line}\n" for line in lines).encode()
    assert len(text) <= select.PIPE_BUF  # so that writing never waits for a reader
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    return reader


def _has(process: Path, variable: bytes) -> bool:
    try:
        return variable in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False
