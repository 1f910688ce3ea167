"""The `pytest` tool: a test suite, with progress from the tests collected and done."""

from pathlib import Path
from typing import Any

from rest_framework import serializers

from runs.tools import box, process
from runs.tools.base import (
    Emitter,
    NetworkSwitch,
    Outcome,
    Params,
    RelativePath,
    Status,
    Tool,
    working_directory,
)

PLUGIN = Path(__file__).parent / "plugin"

# docs.pytest.org/en/stable/reference/exit-codes.html
TESTS_FAILED = 1
MEANINGS = {
    0: "",
    TESTS_FAILED: "Some tests failed.",
    2: "The test run was interrupted, often by an error while collecting.",
    3: "pytest had an internal error.",
    4: "pytest was not called correctly: look at path and args.",
    5: "No tests were found: look at path and args.",
}


class PytestParams(Params):
    path = RelativePath(required=False)
    args = serializers.ListField(
        child=serializers.CharField(max_length=1000), required=False, default=list, max_length=50
    )
    directory = RelativePath(required=False)
    network = NetworkSwitch(required=False, default=False)


class Pytest(Tool):
    """Runs the suite from the checkout if there is one, with the project's own interpreter.

    All passed is a success, failed tests are `completed_with_errors`; no tests found is an error,
    like everything that keeps pytest from running them.
    """

    name = "pytest"
    params = PytestParams

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        try:
            cwd = working_directory(workspace, params.get("directory"))
        except NotADirectoryError as error:
            return Outcome(Status.ERROR, message=str(error))
        counts = Counts(emitter)
        finished = process.run(
            [box.python(), "-m", "pytest", "-p", "crewops_progress", *params["args"]]
            + ([params["path"]] if "path" in params else []),
            workspace=workspace,
            cwd=cwd,
            env={"PYTHONPATH": str(PLUGIN)},
            readable=[PLUGIN],
            network=params["network"],
            emitter=emitter,
            time_limit=self.time_limit,
            on_note=counts.note,
        )
        return _outcome(finished, counts)


class Counts:
    """The plugin's lines as progress."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._total = self._done = self._failed = 0

    def __str__(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done} of {self._total} tests done{failed}"

    @property
    def failure(self) -> str:
        """How many tests failed, and whether others were left out; "" where nobody told."""
        if not self._failed:
            return ""
        left_out = f" {self._done} were run." if self._done < self._total else ""
        return f"{self._failed} of {self._total} tests failed.{left_out}"

    def note(self, line: str) -> None:
        """Take in one line; anything but the plugin's own form is ignored."""
        kind, _, number = line.partition(" ")
        if not number.isdecimal() or len(number) > 9:
            return
        if kind == "total":
            self._total = int(number)
        elif kind == "done":
            self._done = max(self._done, int(number))
        elif kind == "failed":
            self._failed = max(self._failed, int(number))
        if self._total:
            self._emitter.progress(message=str(self), progress=min(self._done / self._total, 1.0))


def _outcome(finished: process.Finished, counts: Counts) -> Outcome:
    code = finished.exit_code
    if finished.fault or code is None:
        return Outcome(Status.ERROR, code, finished.fault)
    if code == 0:
        return Outcome(Status.SUCCESS, 0, f"{counts}.")
    message = MEANINGS.get(code, f"pytest ended with exit code {code}.")
    if code == TESTS_FAILED:
        return Outcome(Status.COMPLETED_WITH_ERRORS, code, counts.failure or message)
    return Outcome(Status.ERROR, code, message)
