"""Starts the launcher, which runs one command and ends all processes of it."""

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
STOP_S = 4.0  # the launcher takes `GRACE_S` to end a process tree, or a little more
SIGN_S = 1.0  # interval of the empty lines that show the launcher that the worker is alive
# What launcher/supervision.py reads and reports.
PAUSE, RESUME = b"pause\n", b"resume\n"
PAUSED, CONTINUED = b'{"paused": true}', b'{"paused": false}'
SPARE_S = 5.0  # a worker that waits for the database may be silent for a lease plus this


@dataclass(frozen=True, slots=True)
class Limits:
    """The kernel enforces these per process or file, the launcher for the sum of all processes."""

    cpu_s: int
    memory_bytes: int  # address space of one process; resident memory of all
    file_bytes: int
    open_files: int
    processes: int
    workspace_bytes: int
    workspace_files: int


@dataclass(frozen=True, slots=True)
class Order:
    """The launcher's input, as one line of JSON. See box.py for `tier`, `uid` and `readable`."""

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
        self._unfinished = b""  # the begun line of the report
        self._last: bytes | None = None  # line of the report; b"" if there was none
        self._asks_for_pause = False
        self.is_paused = False  # whether the launcher has stopped all processes for now
        self._sign_at = time.monotonic()
        self.output = Output(output, limit=settings.TOOLS_OUTPUT_LIMIT_BYTES, notes=notes)
        self._order_pipe = os.fdopen(order_writer, "wb")
        with contextlib.suppress(BrokenPipeError):  # it died at once; finish() says so
            self._order_pipe.write(json.dumps(asdict(order)).encode() + b"\n")
            self._order_pipe.flush()

    def give_sign(self) -> None:
        """Show the launcher that the worker is alive. Otherwise it stops the command in the end."""
        if self._stopped_at is None and time.monotonic() - self._sign_at > SIGN_S:
            self._sign_at = time.monotonic()
            with contextlib.suppress(BrokenPipeError):
                self._order_pipe.write(b"\n")
                self._order_pipe.flush()

    def pause(self, wanted: bool) -> None:
        """Ask the launcher to stop all processes for now, or to let them continue.

        ``is_paused`` is true when it has stopped them.
        """
        if wanted != self._asks_for_pause and self._stopped_at is None:
            self._asks_for_pause = wanted
            with contextlib.suppress(BrokenPipeError):
                self._order_pipe.write(PAUSE if wanted else RESUME)
                self._order_pipe.flush()

    def stop(self) -> None:
        """End the whole process tree: SIGTERM, and SIGKILL after a delay."""
        self._stopped_at = self._stopped_at or time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            self._order_pipe.close()

    def overdue(self) -> bool:
        """Whether the launcher should have ended everything by now.

        That is `STOP_S` seconds after it was stopped, or has reported or died.
        """
        while self._last is None and self._reports_within(0):
            self._read_chunk()
        if self._stopped_at is None and self._last is not None:
            self._stopped_at = time.monotonic()
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > STOP_S

    def finish(self) -> dict:
        """Stop the launcher if it still runs, wait for its end and return its report.

        The report has `exit_code` and `stopped`, or `error` if the command did not start.
        """
        self.stop()
        try:
            line = self._read_report()
        finally:
            os.close(self._report)
        if line:
            return json.loads(line)
        # Only in the lowest tier can a tool kill its launcher, and so escape from it.
        self._kill_marked()
        return {"error": "The process that ran the tool was killed."}

    def _read_report(self) -> bytes:
        """Return the reported line, after the launcher and its own forked processes have ended."""
        for last in (False, True):
            deadline = time.monotonic() + STOP_S
            while self._reports_within(deadline - time.monotonic()):
                if not self._read_chunk():
                    return self._last or b""
            if not last:
                fork_server.kill(self._pid)
        return self._last or b""

    def _read_chunk(self) -> bool:
        """Read from the report. Returns False at its end."""
        chunk = os.read(self._report, 65536)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        for line in lines:
            if line in (PAUSED, CONTINUED):
                self.is_paused = line == PAUSED
            elif not self._last:
                self._last = line
        if not chunk and self._last is None:
            self._last = b""
        return bool(chunk)

    def _reports_within(self, seconds: float) -> bool:
        """Whether there is something to read, including the end of the pipe."""
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
    """Return the read end of a pipe with only these lines. They can be read only once."""
    text = "".join(f"{line}\n" for line in lines).encode()
    assert len(text) <= select.PIPE_BUF  # so that writing never waits for a reader
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    return reader


def _has(process: Path, variable: bytes) -> bool:
    try:
        return variable in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # the process has ended, or belongs to another user
        return False
