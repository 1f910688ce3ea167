"""Report the work of a crew of AI agents to CrewOps, live.

    import crewops_client as crewops

    with crewops.run("release-crew", name="Nightly") as run:  # CREWOPS_URL, CREWOPS_API_KEY
        with run.agent("orion", role="Scout") as orion, orion.task("Fetch"):
            with orion.tool("git_clone", url=url) as tool:
                tool.progress(0.4, "receiving objects")

Reporting never waits for the network and does not need a server that answers. The exception is a
tool that needs approval: it raises `Denied` unless a person has approved it. Reporting raises only
one other exception into the program: `Cancelled`. A tool, an agent or a model call raises it at its
start after a user has cancelled the run on the server. At its start it also waits while a user has
paused the run. CREWOPS_CONTROLS=0 switches pause and cancel off.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import context, reporter
from .approvals import Denied
from .calls import LLM
from .context import copy_context, current, current_run
from .controls import TAKEN, Cancelled, Message
from .decorators import agent, task, tool
from .runs import Run
from .scope import Agent, Scope, Task
from .settings import from_environment
from .tools import Tool
from .version import __version__

__all__ = [
    "LLM",
    "Agent",
    "Cancelled",
    "Denied",
    "Message",
    "Run",
    "Scope",
    "Task",
    "Tool",
    "__version__",
    "agent",
    "configure",
    "copy_context",
    "current",
    "current_run",
    "flush",
    "run",
    "task",
    "tool",
]


def configure(
    *,
    url: str | None = None,
    api_key: str | None = None,
    capture_text: bool | None = None,
    disabled: bool | None = None,
    controls: bool | None = None,
    approvals: bool | None = None,
    approve_s: float | None = None,
    spool_dir: str | Path | None = None,
    flush_s: float | None = None,
) -> None:
    """Set the settings of the package in the program.

    A setting that is not given comes from the environment, as without this call. Runs that are
    open keep their settings.
    """
    given: dict[str, Any] = {
        "url": url,
        "api_key": api_key,
        "capture_text": capture_text,
        "disabled": disabled,
        "controls": controls,
        "approvals": approvals,
        "approve_s": approve_s,
        "spool_dir": Path(spool_dir) if spool_dir is not None else None,
        "flush_s": flush_s,
    }
    given = {key: value for key, value in given.items() if value is not None}
    reporter.use(replace(from_environment(), **given))


def run(
    crew: str,
    /,
    *,
    name: str | None = None,
    key: str | None = None,
    origin: str = "python",
    capture_text: bool | None = None,
) -> Run:
    """Return a run of the crew with this slug. Use it with `with`.

    If CREWOPS_RUN is in the environment, return the run that it names: `with` then joins this run
    and does not end it. `key` is the run's own key, at most 200 characters, and never used before.
    Without `key` the run gets a random key. `capture_text` decides for this run whether the text of
    model calls is sent. Without it CREWOPS_CAPTURE_TEXT decides. The server stores the text only if
    its organization allows that.
    """
    named = os.environ.get(context.VARIABLE)
    joined = context.join(named) if named else None
    if joined is not None:
        return joined
    return Run(
        reporter.current(),
        crew,
        name,
        key=key,
        origin=origin,
        capture_text=capture_text,
        controls=TAKEN,
    )


def flush(timeout: float | None = None) -> bool:
    """Wait until the server has taken all events so far. Return False if it has not in time.

    Call it at the end of a job.
    """
    return reporter.current().flush(timeout)
