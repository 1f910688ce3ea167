"""Running one command for a tool: streamed, limited, stoppable, and gone entirely afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from runs.tools.base import Emitter
from runs.tools.output import Output

POLL_S = 0.1  # how often cancelling and the time limit are looked at
STOP_S = 4.0  # the launcher ends a process tree well within this
LAUNCHER = Path(__file__).parent / "launcher"
NOTES_VARIABLE = "CREWOPS_NOTES_FD"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `fault` says in words why it could not start or was stopped, else "".

    `exit_code` is as a shell reports it: 128 + n for signal n; None when it did not start.
    """

    exit_code: int | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What the launcher is told, as one line of JSON."""

    argv: list[str]
    cwd: str
    env: dict[str, str]


def run(
    argv: Sequence[str],
    *,
    workspace: Path,
    emitter: Emitter,
    time_limit: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_output: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Finished:
    """Run `argv` (never a shell string) in `cwd`, by default the workspace, until it ends.

    Output, stdout and stderr as written, goes to `emitter` and to `on_output`. `time_limit` is in
    seconds. The command inherits nothing from the worker's environment; `env` adds to a minimal one.
    With `on_note` it finds the number of a descriptor in ``CREWOPS_NOTES_FD``, and every line
    written there is handed to `on_note`.
    """
    order = Order(list(argv), str(cwd or workspace), environment(workspace) | dict(env or {}))
    launched = _Launched(order, with_notes=on_note is not None)
    deadline = time.monotonic() + time_limit
    fault = ""
    try:
        ended = False
        while not ended:
            text, notes, ended = launched.output.take(POLL_S)
            for note in notes:
                if on_note:
                    on_note(note)
            if text:
                emitter.progress(output=text)
                if on_output:
                    on_output(text)
            if not fault and (fault := _reason_to_stop(emitter, deadline, time_limit)):
                launched.stop()
            # Should a process get away with the pipe, its output is not waited for.
            ended = ended or launched.overdue()
    finally:
        report = launched.finish()
    return Finished(report.get("exit_code"), fault or report.get("error", ""))


def environment(workspace: Path) -> dict[str, str]:
    """The whole environment of a command: nothing of the worker's own, which holds its secrets."""
    home, temporary = workspace / ".home", workspace / ".tmp"
    for directory in (home, temporary):
        directory.mkdir(mode=0o700, exist_ok=True)
    return {
        "PATH": f"{Path(python()).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def python() -> str:
    """The interpreter tools run with: ``TOOLS_PYTHON``, by default the project's own."""
    return settings.TOOLS_PYTHON or sys.executable


def _reason_to_stop(emitter: Emitter, deadline: float, time_limit: float) -> str:
    if emitter.cancelled():
        return "Cancelled."
    if time.monotonic() > deadline:
        return f"Stopped: over the time limit of {time_limit:g} s."
    return ""


class _Launched:
    """The launcher process, its pipes and its report."""

    def __init__(self, order: Order, *, with_notes: bool) -> None:
        report, report_writer = os.pipe()
        output, output_writer = os.pipe()
        theirs = [report_writer, output_writer]
        notes = None
        if with_notes:
            notes, notes_writer = os.pipe()
            theirs.append(notes_writer)
            order.env[NOTES_VARIABLE] = str(notes_writer)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(report_writer)],
                stdin=subprocess.PIPE,
                stdout=output_writer,
                stderr=output_writer,
                pass_fds=theirs,
                env={},
                start_new_session=True,
            )
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._stopped_at: float | None = None
        self._report = report
        self.output = Output(output, limit=settings.TOOLS_OUTPUT_LIMIT_BYTES, notes=notes)
        self._send(order)

    def _send(self, order: Order) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once; finish() says how

    def stop(self) -> None:
        """End the whole process tree: SIGTERM, and after a grace SIGKILL."""
        assert self._process.stdin is not None
        self._stopped_at = self._stopped_at or time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def overdue(self) -> bool:
        """Whether the launcher was stopped, or is dead, for longer than ending everything takes."""
        if self._stopped_at is None and self._process.poll() is not None:
            self._stopped_at = time.monotonic()
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > STOP_S

    def finish(self) -> dict:
        """Wait until nothing is left; the launcher's report, or an `error` when it made none."""
        self.stop()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with os.fdopen(self._report, "rb") as report:
            line = report.readline()
        if line:
            return json.loads(line)
        return {"error": "The process that ran the tool was killed."}
