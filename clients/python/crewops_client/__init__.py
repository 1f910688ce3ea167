"""Report what a crew of AI agents does to CrewOps, live.

    import crewops_client as crewops

    with crewops.run("release-crew", name="Nightly") as run:  # CREWOPS_URL, CREWOPS_API_KEY
        with run.agent("orion", role="Scout") as orion, orion.task("Fetch"):
            with orion.tool("git_clone", url=url) as tool:
                tool.progress(0.4, "receiving objects")

Nothing here waits for the network or needs the server to be there, but for tools that need
approval: they raise `Denied` unless a person has approved them. Else only one thing raises into the
program: `Cancelled`, where a tool, an agent or a model call begins after somebody has cancelled the
run on the server. There a run that somebody has paused waits, too. CREWOPS_CONTROLS=0 switches both
off.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import context, reporter
from .approvals import Denied
from .calls import LLM
from .context import copy_context, current, current_run
from .controls import Cancelled, Message
from .decorators import agent, task, tool
from .runs import Run
from .scope import Agent, Scope, Task
from .settings import from_environment
from .tools import Tool

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
    """Settings from the program.

    What is not given comes from the environment, as without this call.
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
    """A run of the crew with this slug, to be used with `with`.

    Where CREWOPS_RUN is in the environment, the run it names: `with` then joins it and does not end
    it. `key` is the run's own, at most 200 characters, never used before; without it a random one.
    `capture_text` decides for this run whether the text of model calls is sent; else
    CREWOPS_CAPTURE_TEXT does. The server stores it only if its organization allows that.
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
        controls=True,
    )


def flush(timeout: float | None = None) -> bool:
    """Wait until the server has taken all so far; false when it did not in time.

    For the end of a job.
    """
    return reporter.current().flush(timeout)
