"""``make test-integrations``: each adapter with its real framework and a stub model.

For each framework: makes an environment under ``var/integrations``, installs the pinned packages,
runs its cases and compares what was reported with the vectors that the tests replay. Exits with 1
if one differs. Give names to check some only: ``check.py langchain crewai``.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parent
VECTORS = CLIENT / "tests" / "sdk" / "vectors"
ENVIRONMENTS = CLIENT.parent.parent / "var" / "integrations"
NAMES = [path.stem.removesuffix("_cases") for path in sorted(HERE.glob("*_cases.py"))]
IDS = ("call_id", "execution_id", "instance", "parent_task_id", "task_id")
CASES_S = 300.0


def main(names: list[str]) -> int:
    """Check the frameworks; print a line for each; return the exit code."""
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"There is no {', '.join(sorted(unknown))}. Choose one of: {', '.join(NAMES)}.")
    return max([check(name) for name in names or NAMES])


def check(name: str) -> int:
    python = environment_of(name)
    with tempfile.TemporaryDirectory() as directory:
        ran = subprocess.run(
            [python, HERE / f"{name}_cases.py"],
            env=os.environ
            | {"PYTHONPATH": f"{CLIENT}{os.pathsep}{CLIENT / 'tests'}", "VECTORS": directory},
            capture_output=True,
            text=True,
            timeout=CASES_S,
        )
        if ran.returncode:
            print(f"{name}: the cases failed\n{ran.stdout}{ran.stderr}")
            return 1
        recorded = json.loads((Path(directory) / f"{name}.json").read_text())
    expected = json.loads((VECTORS / f"{name}.json").read_text())
    differences = list(compare(expected["cases"], recorded["cases"]))
    versions = ", ".join(f"{package} {of}" for package, of in recorded["versions"].items())
    print(f"{name}: {len(recorded['cases'])} cases with {versions}: ", end="")
    print("as recorded" if not differences else "\n  ".join(["different", *differences]))
    return bool(differences)


def environment_of(name: str) -> Path:
    """Return the Python of the framework's environment, made anew when its requirements changed."""
    requirements = HERE / f"requirements-{name.replace('_', '-')}.txt"
    directory = ENVIRONMENTS / name
    python, stamp = directory / "bin" / "python", directory / "installed"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"{name}: installing {' '.join(requirements.read_text().split())}", flush=True)
        venv.create(directory, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", requirements], check=True)
        stamp.write_text(requirements.read_text())
    return python


def compare(expected: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> list[str]:
    """Return a line for each event that one of them lacks. The order of events may differ, because
    tools run in parallel.
    """
    cases = [
        {case["case"]: counted([*case["events"], *gate_result(case)]) for case in side}
        for side in (expected, recorded)
    ]
    lines = []
    for title in sorted({*cases[0], *cases[1]}):
        before, now = (side.get(title, Counter()) for side in cases)
        lines += [f"{title}: no longer reported: {event}" for event in (before - now).elements()]
        lines += [f"{title}: newly reported: {event}" for event in (now - before).elements()]
    return lines


def gate_result(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The result that the model gets of a call that a gate asked about, as an event to compare."""
    return [{"type": "gate_result", "text": case["told"]}] if "told" in case else []


def counted(events: list[dict[str, Any]]) -> Counter[str]:
    """Count the events without their ids, which follow from the order."""
    plain = ({key: event[key] for key in sorted(event) if key not in IDS} for event in events)
    return Counter(json.dumps(event) for event in plain)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
