"""Responses of ``/agui/runs/{id}`` to the sequences in ``vectors.json``, for the client to read.

Of every sequence each run is sent whole. A run with a waiting call is also sent in two responses,
with an interrupt between.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from realtime.agui.mapping import AguiEvent, AguiRun, encoded
from runs.events.kinds import KINDS
from runs.tests.events.stories import VECTORS

CLIENT = Path(__file__).parents[1] / "js" / "agui_client.js"


def sequences() -> list[list[dict[str, Any]]]:
    """The events of each run in the vectors."""
    found = []
    for frames, _ in json.loads(VECTORS.read_text()):
        events = [frame for frame in frames if frame["type"] in KINDS]
        for run_id in sorted({event["run_id"] for event in events}):
            found.append([event for event in events if event["run_id"] == run_id])
    return found


def done(events: list[dict[str, Any]], number: int) -> dict[str, Any]:
    status = ("succeeded", "failed", "cancelled")[number % 3]
    last = {"type": "done", "status": status, "duration_s": 1, "reason": "task_failed"}
    return {name: events[-1][name] for name in ("run_id", "crew_id", "timestamp")} | last


def whole(events: list[dict[str, Any]], number: int) -> list[AguiEvent]:
    run = AguiRun(events[0]["run_id"], "c")
    sent = [each for event in events for each in run.apply(event)]
    if run.done is None:
        sent += run.apply(done(events, number))
    return sent + run.end()


def interrupted(events: list[dict[str, Any]], number: int) -> list[list[AguiEvent]]:
    """Two responses with an interrupt at the first call that waits; none if no call does."""
    asks = [n for n, event in enumerate(events) if event["type"] == "approval_requested"]
    if not asks:
        return []
    run_id, before, after = events[0]["run_id"], events[: asks[0] + 1], events[asks[0] + 1 :]
    first, second = AguiRun(run_id, "c"), AguiRun(run_id, "c")
    sent = [each for event in before for each in first.apply(event)] + first.interrupt("1:1")
    for event in before:
        second.apply(event)
    further = second.resume(f"{run_id}:1:1", {before[-1]["approval_id"]})
    further += [each for event in after for each in second.apply(event)]
    if second.done is None:
        second.apply(done(events, number))
    return [sent, further + second.end()]


def body(events: list[AguiEvent]) -> str:
    """The response, as the server writes it."""
    return "".join(f"data: {text}\n\n" for text in encoded(events))


def read(**given: Any) -> list[dict[str, Any]]:
    """What ``@ag-ui/client`` makes of responses; see ``agui_client.js``."""
    ran = subprocess.run(
        ["node", CLIENT], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)
