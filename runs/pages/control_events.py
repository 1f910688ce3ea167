"""Controls of a run, as lines of its history and as its list of requests."""

from collections.abc import Iterator
from datetime import datetime

from runs.models import Control
from runs.pages.history import Entry

TIMES = {
    "control_requested": "requested_at",
    "control_acknowledged": "acknowledged_at",
    "control_applied": "ended_at",
}
ASKED = {
    "pause": "asks the run to pause",
    "resume": "asks the run to resume",
    "cancel": "asks the run to stop",
    "message": "sends a message",
}
DONE = {
    "pause": "The run is paused",
    "resume": "The run goes on",
    "cancel": "The run is cancelled",
    "message": "The program has read the message",
}


def of_control(control: Control, *, names_people: bool) -> Iterator[Entry]:
    """``names_people``: whether the reader may know who asked."""
    about = {"id": str(control.pk), "status": control.status}
    by = control.by if names_people and control.by else "Somebody"
    asked = Entry(
        "control_requested", at=control.requested_at, what=ASKED[control.action], agent=by,
        detail=control.text, **about,
    )  # fmt: skip
    yield asked
    if control.acknowledged_at:
        what = f"The {control.action} was received"
        yield Entry("control_acknowledged", at=control.acknowledged_at, what=what, **about)
    if control.ended_at:
        yield Entry(
            "control_applied", at=control.ended_at, what=answer(control), detail=control.detail,
            **about,
        )  # fmt: skip


def answer(control: Control) -> str:
    if control.status == Control.Status.APPLIED:
        return DONE[control.action]
    came = "came too late" if control.status == Control.Status.TOO_LATE else "was refused"
    return f"The {control.action} {came}"


def steps(control: Control) -> list[tuple[str, str, datetime | None]]:
    """Return name, label and time of each step of the control. The last step may be open."""
    found = [("requested", "asked", control.requested_at)]
    if control.acknowledged_at or not control.ended_at:
        found.append(("acknowledged", "received", control.acknowledged_at))
    labels = {"applied": "done", "refused": "refused", "too_late": "too late"}
    if control.action == Control.Action.PAUSE:
        labels["applied"] = "paused"
    found.append((control.status, labels.get(control.status, "done"), control.ended_at))
    return found
