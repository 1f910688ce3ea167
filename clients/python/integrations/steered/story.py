"""What the programs beside this file share: the calls of a stub model, two tools, and a log.

``python NAME_program.py DIRECTORY STORY`` with the Python of that framework's environment. STORY is
``call``: the model calls `deploy` once, then it is done; ``decide``: the same, with the function
`decide` of the OpenAI Agents SDK's adapter; or ``steps``: the model calls `step` again and again
until the file ``stop`` is in the directory. The program writes what happens into the file ``log``
there, as JSON objects. tests/integrations starts the programs and steers their runs.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# CrewAI reads these when it is imported, the OpenAI Agents SDK when it makes a client.
os.environ |= {"CREWAI_TRACING_ENABLED": "false", "CREWAI_DISABLE_TELEMETRY": "true"}
os.environ |= {"OTEL_SDK_DISABLED": "true", "OPENAI_API_KEY": "none"}

DIRECTORY, STORY = Path(sys.argv[1]), sys.argv[2]
CREW = "release-crew"
STEP_S = 0.05
# Without `stop` the program ends some minutes after its test has given up.
STEPS_AT_MOST = 5_000

Call = tuple[str, dict[str, Any]]


def note(**fields: Any) -> None:
    with (DIRECTORY / "log").open("a") as log:
        log.write(json.dumps({"at": time.time()} | fields) + "\n")


def deploy(env: str) -> str:
    """Deploy."""
    note(entered="deploy")
    return f"deployed to {env}"


def step(number: int) -> str:
    """Take a step."""
    note(entered="step")
    time.sleep(STEP_S)
    return f"step {number} taken"


TOOLS: tuple[Callable[..., str], ...] = (deploy, step)


class Script:
    """The calls that the model makes, one after the other."""

    def __init__(self) -> None:
        self._made = 0

    def next(self, read: Any) -> Call | None:
        """Note what the model reads, and return the call that it makes, or None when it is done."""
        note(read=str(read))
        self._made += 1
        if STORY != "steps":
            return ("deploy", {"env": "prod"}) if self._made == 1 else None
        is_over = self._made > STEPS_AT_MOST or (DIRECTORY / "stop").exists()
        return None if is_over else ("step", {"number": self._made})


def tell(work: Callable[[], Any]) -> None:
    """Do the work, and note how it ended."""
    try:
        work()
    except BaseException as error:
        note(ended=repr(error))
        raise
    note(ended="well")
