"""A user who cancels, pauses and resumes the open run of this process, in cases and replays."""

import threading
import time
from collections.abc import Callable
from typing import Any

from crewops_client import reporter
from crewops_client.runs import Run
from sdk import recorded

HELD_S = 0.2  # how long a call is watched that must not begin


def open_run() -> Run:
    return next(run for run in reporter.current().runs.values() if not run.has_ended)


class User:
    """Hands controls to the run as its follower does. `calls` gets each, for a recording."""

    def __init__(self, calls: list[list[Any]] | None = None) -> None:
        self.calls = [] if calls is None else calls

    def ask(self, action: str, run: Run) -> None:
        event = {"type": "control_requested", "control_id": action, "action": action, "by": "anna"}
        for handler in run.follower._handlers["control_requested"]:
            handler(event)

    def cancel(self) -> None:
        self.calls.append(["control", ["cancel"], {}])
        self.ask("cancel", open_run())

    def pause(self, begun: Callable[[], int] = lambda: 0) -> None:
        """Pause the run, and resume it when a call has waited. `begun` counts the calls' bodies.

        If no call waits, or one begins meanwhile, the run gets an error that no recording has.
        """
        self.calls.append(["control", ["pause"], {}])
        run = open_run()
        self.ask("pause", run)
        threading.Thread(target=self._resume, args=(run, begun), daemon=True).start()

    def _resume(self, run: Run, begun: Callable[[], int]) -> None:
        until = time.monotonic() + 20
        while not run.controls._waiting and time.monotonic() < until:
            time.sleep(0.005)
        before = begun()
        time.sleep(HELD_S)
        if not run.controls._waiting:
            run.error("no call has waited")
        elif begun() != before:
            run.error("a call has begun in the pause")
        self.ask("resume", run)


def steered(name: str) -> list[dict[str, Any]]:
    """The recorded cases of this framework in which a user controls the run."""
    return [case for case in recorded.cases(name) if is_steered(case)]


def is_steered(case: dict[str, Any]) -> bool:
    return case["case"].startswith("asked to ")


def events_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of the run, without the answers to its controls: another thread gives some."""
    return recorded.normalised(each for each in events if "control_id" not in each)


def answers(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What was answered to each control."""
    found: dict[str, list[Any]] = {}
    for event in events:
        if "control_id" in event:
            found.setdefault(event["control_id"], []).append(event.get("status", event["type"]))
    return found
