"""The outcome of a pytest run, from its exit code, its plugin's last note and its last lines."""

import json
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from runs.tools.base import Outcome, Status

# docs.pytest.org/en/stable/reference/exit-codes.html
PASSED, FAILED, INTERRUPTED, INTERNAL_ERROR, USAGE_ERROR, NO_TESTS, TOO_MANY_WARNINGS = range(7)

MAX_COUNT = 999_999_999
VERSION_OR_HELP = {"--version", "-V", "-VV", "--help", "-h"}
COMPLAINT = re.compile(
    r"^(?:ERROR: (?!usage:)|.{1,80}: error: |"
    r"(?=ImportError while loading conftest|Error while loading plugin))(.+)$",
    re.MULTILINE,
)
CONFIGURATION = re.compile(r"^  (?:inifile|configfile): (.+)$", re.MULTILINE)
MAX_COMPLAINT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Counts:
    """One note of the plugin (plugin/crewops_progress.py)."""

    total: int = 0
    done: int = 0
    failed: int = 0
    uncollected: int = 0  # files
    first_uncollected: str = ""
    deselected: int = 0
    prints: bool = False  # an option makes pytest print something and run nothing
    ended: bool = False  # pytest ended its session: it was not stopped from outside

    @classmethod
    def parse(cls, line: str) -> "Counts | None":
        """Parse a note. None if it is not from the plugin: tests may write to the pipe too."""
        try:
            note = json.loads(line)
        except (ValueError, RecursionError):
            return None
        defaults = cls()
        if not isinstance(note, dict) or note.keys() != set(cls.__slots__):
            return None
        if any(type(value) is not type(getattr(defaults, key)) for key, value in note.items()):
            return None
        counts = cls(**note)
        numbers = (counts.total, counts.done, counts.failed, counts.uncollected, counts.deselected)
        return counts if all(0 <= number <= MAX_COUNT for number in numbers) else None

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done} of {self.total} tests done{failed}"


@dataclass(frozen=True, slots=True)
class PytestCall:
    """The arguments of the step, and the end of pytest's output."""

    arguments: Sequence[str]  # args and path
    output: str = ""
    workspace: str = ""


def outcome(code: int, counts: Counts | None, call: PytestCall) -> Outcome:
    """Return the outcome for exit code `code`; `counts` is None if the plugin sent nothing."""
    if code == PASSED and _only_prints(counts, call):
        return Outcome(Status.SUCCESS, code, _printed(counts))
    if counts is None:
        return Outcome(Status.ERROR, code, _never_started(code, call))
    if code > 128 or (code in (PASSED, FAILED, INTERRUPTED) and not counts.ended):
        return Outcome(Status.ERROR, code, _cut_off(code, counts))
    if counts.failed and code in (PASSED, FAILED, INTERRUPTED):
        return Outcome(Status.COMPLETED_WITH_ERRORS, code, _failures(counts))
    if code == PASSED:
        if counts.done < counts.total:  # pytest.exit(returncode=0)
            return Outcome(Status.ERROR, code, _cut_off(code, counts))
        return Outcome(Status.SUCCESS, code, f"{counts}.")
    if code in (FAILED, TOO_MANY_WARNINGS) and counts.total:
        return Outcome(Status.COMPLETED_WITH_ERRORS, code, _other_faults(code, counts))
    return Outcome(Status.ERROR, code, _not_run(code, counts, call))


def _only_prints(counts: Counts | None, call: PytestCall) -> bool:
    # pytest handles some of these options before it loads a plugin.
    return counts.prints if counts else not VERSION_OR_HELP.isdisjoint(call.arguments)


def _printed(counts: Counts | None) -> str:
    if counts and counts.total:
        return f"{_tests(counts.total)} collected. None was run, as an option asks."
    return "No test was run, as an option asks."


def _never_started(code: int, call: PytestCall) -> str:
    if code in (INTERNAL_ERROR, USAGE_ERROR):
        return _complaint(code, call)
    if code in (PASSED, FAILED):
        return (
            "pytest ended before it collected any test. A conftest.py or a plugin may end it or "
            "may not be importable; the output says which."
        )
    return f"pytest {_ended_by(code)} before it collected any test."


def _cut_off(code: int, counts: Counts) -> str:
    how = _ended_by(code) if code > 128 else "was interrupted" if code == INTERRUPTED else "ended"
    if not counts.total:
        return f"pytest {how} before it collected any test."
    failed = f" {counts.failed} failed." if counts.failed else ""
    return f"pytest {how} after {counts.done} of {_tests(counts.total)}.{failed}"


def _failures(counts: Counts) -> str:
    parts = [f"{counts.failed} of {_tests(counts.total)} failed."]
    if counts.done < counts.total:
        parts.append(f"{counts.done} {'was' if counts.done == 1 else 'were'} run.")
    return " ".join([*parts, *_uncollected(counts)])


def _uncollected(counts: Counts) -> list[str]:
    if not counts.uncollected:
        return []
    if counts.uncollected == 1:
        return [f"{counts.first_uncollected or 'One file'} could not be collected."]
    first = f" The first is {counts.first_uncollected}." if counts.first_uncollected else ""
    return [f"{counts.uncollected} files could not be collected.{first}"]


def _other_faults(code: int, counts: Counts) -> str:
    done = f"{counts.done} of {_tests(counts.total)} done, none failed"
    if counts.uncollected:
        return " ".join([f"{done}.", *_uncollected(counts)])
    if code == TOO_MANY_WARNINGS:
        return f"{done}, but there were more warnings than --max-warnings allows."
    return f"{done}, but pytest ended with exit code {code}: the end of its output says why."


def _not_run(code: int, counts: Counts, call: PytestCall) -> str:
    if counts.uncollected and code in (FAILED, INTERRUPTED):
        return " ".join(_uncollected(counts))
    if code == INTERRUPTED:
        return _cut_off(code, counts)
    if code in (INTERNAL_ERROR, USAGE_ERROR):
        return _complaint(code, call)
    if code == NO_TESTS:
        if counts.deselected:
            return (
                f"None of {_tests(counts.deselected)} was selected: look at args (-k, -m) and at "
                "the project's configuration of pytest."
            )
        return "No tests were found: look at path and args."
    return f"pytest ended with exit code {code} after {counts.done} of {_tests(counts.total)}."


def _complaint(code: int, call: PytestCall) -> str:
    """Return pytest's own message about why it could not run, and where to look."""
    found = COMPLAINT.findall(call.output)
    if code == INTERNAL_ERROR:
        if "caught unexpected SystemExit" in call.output:
            return "A test file or conftest.py ended pytest (SystemExit). The output says where."
        own = f" {_shortened(found[-1], call)}" if found else ""
        return f"pytest had an internal error, or a plugin had one.{own}"
    if not found:
        return "pytest was not called correctly: look at path and args."
    message = f"pytest could not start: {_shortened(found[-1], call)}"
    if "loading conftest" in found[-1]:
        return f"{message} The output says why."
    if _is_about(found[-1], call.arguments):
        return f"{message} Look at path and args."
    file = CONFIGURATION.search(call.output)
    where = f" ({_shortened(file[1], call, stop='')})" if file else ""
    plugin = ""
    if re.search("unrecognized arguments|plugin", found[-1]):
        plugin = " A plugin that it needs may not be installed for the tools' Python."
    return f"{message} Look at the project's configuration of pytest{where}.{plugin}"


def _shortened(text: str, call: PytestCall, *, stop: str = ".") -> str:
    if call.workspace:
        text = text.replace(f"{call.workspace}/", "")
    return text.strip().rstrip(".")[:MAX_COMPLAINT_CHARS] + stop


def _is_about(complaint: str, arguments: Sequence[str]) -> bool:
    """Whether the complaint names an argument of the step."""
    words = [word.strip("'\":,") for word in complaint.split()]
    names = {name.partition("=")[0] for word in words for name in (word, *word.split("/"))} - {""}
    return any(
        argument in words
        or argument.partition("=")[0] in names
        or argument[:2] in names & {argument[:2]} - {"--"}  # -n4
        or any(word.endswith(f"/{argument}") for word in words)
        for argument in arguments
    )


def _ended_by(code: int) -> str:
    if code <= 128:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"ended with exit code {code}"


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"
