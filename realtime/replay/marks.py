"""The marks of a recording: events that a reader may want to jump to."""

from collections.abc import Iterator
from typing import Any

from runs.events.run_state import RunState
from runs.models.budget_alert import WARNED_FROM_TEXT

LABEL_CHARS = 60
TROUBLE = ("failed", "error", "completed_with_errors")
ASKED = {"cancel": "cancel asked", "message": "message"}  # as soon as it is asked
APPLIED = {"pause": "paused", "resume": "resumed"}  # when it comes true

Mark = tuple[str, str, str]  # time, kind (error, handoff, approval or control), label


def marks_of_event(moment: str, frame: dict[str, Any], run: RunState | None) -> Iterator[Mark]:
    """Yield a mark if a reader may want to jump to this event.

    ``run``: its state after it; None if the crew's state has it no more, after its end.

    Readers who only have the link see the marks too, so none names a person or quotes a message.
    """
    for kind, label in _found(frame, run):
        yield moment, kind, label[:LABEL_CHARS]


def _found(frame: dict[str, Any], run: RunState | None) -> Iterator[tuple[str, str]]:
    match frame["type"]:
        case "handoff":
            yield "handoff", f"{frame['from_agent_id']} to {frame['to_agent_id']}"
        case "approval_requested":
            yield "approval", f"{frame['agent_id']}: {frame['tool']}"
        case "error":
            yield "error", frame["message"]
        case "budget_exceeded":
            yield "error", _budget(frame)
        case "budget_warning":
            yield "control", f"{_budget(frame)}: {WARNED_FROM_TEXT} used"
        case "control_requested" if frame["action"] in ASKED:
            yield "control", ASKED[frame["action"]]
        case "control_applied" if frame["status"] == "applied":
            # The request may have been pruned. Then the action is not known.
            known = run.controls if run else {}
            action = known.get(frame["control_id"], {}).get("action")
            if action in APPLIED:
                yield "control", APPLIED[action]
        case "tool_end" | "llm_end" if frame["status"] in TROUBLE:
            what = frame.get("tool") or frame.get("model") or "model call"
            yield "error", f"{what}: {frame['status']}"


def _budget(frame: dict[str, Any]) -> str:
    return f"budget of {frame['measure'].replace('_', ' ')}"
