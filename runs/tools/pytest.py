"""The `pytest` tool: a test suite, with progress from the tests collected and done."""

import re
from pathlib import Path
from typing import Any

from rest_framework import serializers

from runs.tools import box, process
from runs.tools.base import (
    NETWORK,
    WHERE,
    Emitter,
    NetworkSwitch,
    Outcome,
    Params,
    RelativePath,
    Status,
    Tool,
    working_directory,
)
from runs.tools.pytest_outcome import Counts, PytestCall, outcome

PLUGIN = Path(__file__).parent / "plugin"
# Loads our plugin, and excludes the one of the Valkey that CrewOps itself may start.
PLUGINS = ("-p", "crewops_progress", "-p", "no:valkey")

MAX_LAST_CHARS = 4000  # of the output: pytest writes its errors in the last lines
COLOR = re.compile(r"\x1b\[[\d;]*m")


class PytestParams(Params):
    path = RelativePath(required=False, help_text="Tests to run: tests/test_rates.py. Empty: all.")
    args = serializers.ListField(
        child=serializers.CharField(max_length=1000),
        required=False,
        default=list,
        max_length=50,
        label="Arguments",
        help_text="Arguments of pytest, such as -v.",
    )
    directory = RelativePath(required=False, help_text=WHERE)
    network = NetworkSwitch(required=False, default=False, help_text=NETWORK)


class Pytest(Tool):
    """Runs the suite from the checkout if there is one, with the project's own interpreter.

    Only passed tests are a success; failed tests are `completed_with_errors`. No tests found is an
    error. So is everything that keeps pytest from running all collected tests, whatever the exit
    code.
    """

    name = "pytest"
    params = PytestParams

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        try:
            cwd = working_directory(workspace, params.get("directory"))
        except NotADirectoryError as error:
            return Outcome(Status.ERROR, message=str(error))
        arguments = [*params["args"], *([params["path"]] if "path" in params else [])]
        progress = Progress(emitter)
        finished = process.run(
            [box.python(), "-m", "pytest", *PLUGINS, *arguments],
            workspace=workspace,
            cwd=cwd,
            env={"PYTHONPATH": str(PLUGIN)},
            readable=[PLUGIN],
            network=params["network"],
            emitter=emitter,
            time_limit=self.time_limit,
            on_output=progress.read,
            on_note=progress.note,
        )
        if finished.fault or finished.exit_code is None:
            return Outcome(Status.ERROR, finished.exit_code, finished.fault)
        call = PytestCall(arguments, COLOR.sub("", progress.last), str(workspace))
        return outcome(finished.exit_code, progress.counts, call)


class Progress:
    """Reports the plugin's notes as progress.

    `counts` is the last note, `last` the end of the output.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._progress = 0.0  # never decreases, although tests may be collected late
        self.counts: Counts | None = None
        self.last = ""

    def note(self, line: str) -> None:
        """Read one line. Lines that are not in the plugin's format are ignored."""
        if (counts := Counts.parse(line)) is None:
            return
        before, self.counts = self.counts, counts
        if counts.total and not counts.prints and str(counts) != str(before):
            self._progress = max(self._progress, min(counts.done / counts.total, 1.0))
            self._emitter.progress(message=str(counts), progress=self._progress)

    def read(self, text: str) -> None:
        """Read a piece of pytest's output."""
        self.last = (self.last + text)[-MAX_LAST_CHARS:]
