"""Runs one command for a tool: isolated, streamed, limited, stoppable. Leaves no process behind."""

import contextlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from runs.tools import box
from runs.tools.base import Emitter
from runs.tools.launch import Launched

SIGNALLED = 128  # a shell reports signal n as exit code 128 + n
POLL_S = 0.1  # interval of the checks for cancellation and time limits


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `fault` says why it could not start or was stopped, or is "".

    `exit_code` is as in a shell: 128 + n for signal n; None if the command did not start.
    """

    exit_code: int | None
    fault: str = ""


def in_words(exit_code: int | None) -> str:
    """Return ``exit code 139 (SIGSEGV)``, with the meaning of the code in a shell, if any."""
    meaning = {126: "a command could not be executed", 127: "a command was not found"}.get(
        exit_code or 0, ""
    )
    with contextlib.suppress(ValueError):
        if exit_code and exit_code > SIGNALLED:
            meaning = signal.Signals(exit_code - SIGNALLED).name
    return f"exit code {exit_code}{f' ({meaning})' if meaning else ''}"


def run(
    argv: Sequence[str],
    *,
    workspace: Path,
    emitter: Emitter,
    time_limit: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    readable: Sequence[Path] = (),
    network: bool = False,
    secrets: Sequence[str] = (),
    can_pause: bool = True,
    on_output: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Finished:
    """Run `argv` (never a shell string) in `cwd`, by default the workspace, until it ends.

    The output, stdout and stderr in the order written, goes to `emitter` and to `on_output`.
    `time_limit` is in seconds. The command inherits nothing of the worker's environment; `env` adds
    to a minimal one. In its box it sees its workspace, the system and `readable`, and the network
    only if `network`. `secrets` are lines that it can read, once, from the descriptor whose number
    is in ``CREWOPS_SECRETS_FD``; they are in no argument, variable or file. If the run is paused
    meanwhile and the command `can_pause`, all its processes are stopped, and the time does not
    count. With `on_note`, ``CREWOPS_NOTES_FD`` has the number of a descriptor. Every line written
    there is passed to `on_note`.
    """
    tier = box.tier()
    if tier.refusal:
        return Finished(None, tier.refusal)
    if secrets and tier.secrets_refusal:
        return Finished(None, tier.secrets_refusal)
    order = box.order(
        argv,
        workspace=workspace,
        cwd=cwd or workspace,
        env=box.environment(workspace) | dict(env or {}),
        in_tier=tier,
        readable=readable,
        network=network,
    )
    launched = Launched(order, with_notes=on_note is not None, secrets=secrets)
    clock = _Clock(time_limit)
    fault = ""
    try:
        ended = False
        while not ended:
            text, notes, ended = launched.output.read(POLL_S)
            launched.give_sign()
            clock.set_paused(can_pause and not fault and _is_paused(launched, emitter))
            if text or notes:
                clock.saw_output()
            for note in notes:
                if on_note:
                    on_note(note)
            if text:
                emitter.progress(output=text)
                if on_output:
                    on_output(text)
            if not fault and (fault := "Cancelled." if emitter.cancelled() else clock.excess()):
                launched.stop()
            # If a process escapes with the pipe, its output is not waited for.
            ended = ended or launched.overdue()
    finally:
        report = launched.finish()
    fault = fault or report.get("stopped", "") or report.get("error", "")
    return Finished(report.get("exit_code"), fault)


def _is_paused(launched: Launched, emitter: Emitter) -> bool:
    """Pause the processes, or let them continue, as people want. Returns whether they are paused.

    A pause is reported after the processes have stopped, and the end of a pause before they
    continue. So the report is always true.
    """
    if (pause := emitter.pause) is None:
        return False
    if pause.requested():
        launched.pause(True)
        if launched.is_paused:
            pause.report(True)
    elif pause.report(False):
        launched.pause(False)
    return launched.is_paused


class _Clock:
    """The time limits: for the whole call, and for silence. Time in a pause does not count."""

    def __init__(self, time_limit: float) -> None:
        self._started_at = self._output_at = time.monotonic()
        self._time_limit = time_limit
        self._paused_at: float | None = None

    def set_paused(self, paused: bool) -> None:
        now = time.monotonic()
        if self._paused_at is not None:
            self._started_at += now - self._paused_at
            self._output_at += now - self._paused_at
        self._paused_at = now if paused else None

    def saw_output(self) -> None:
        self._output_at = time.monotonic()

    def excess(self) -> str:
        now = time.monotonic()
        if now - self._started_at > self._time_limit:
            return f"Stopped: over the time limit of {self._time_limit:g} s."
        if now - self._output_at > settings.TOOLS_IDLE_LIMIT_S:
            return f"Stopped: no output for {settings.TOOLS_IDLE_LIMIT_S:g} s."
        return ""
