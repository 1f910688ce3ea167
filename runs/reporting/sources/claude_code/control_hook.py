"""What people have asked of a run of Claude Code, as the answer to its next hook.

A cancel stops the session before its next call, or after a call that has just ended. A message
becomes context of the model; if the turn is about to end, it continues with the message instead.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q

from crews.models import ApiKey
from crews.scoping import unscoped
from runs.models import Control, ReportedRun, Run
from runs.reporting.report_request import apply_events
from runs.reporting.sources.claude_code import runs
from runs.reporting.sources.claude_code.mapping import Event
from runs.reporting.sources.claude_code.payload import MAIN, Hook, short

CANCELLED = "The run was cancelled in CrewOps."
STOPPING = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch")
TAKING_CONTEXT = ("PreToolUse", "PostToolUse", "PostToolBatch")
DONE: Event = {
    "id": "cancelled",
    "type": "done",
    "status": "cancelled",
    "message": "Claude Code was told to stop.",
}


def answer(key: ApiKey, payload: Any, crew: str | None, received: datetime) -> dict[str, Any]:
    """Apply a hook, and return what Claude Code is to do; empty: nothing that people ask for.

    Raises an exception of the API if it is no hook, or the crew cannot be used.
    """
    hook = runs.read(payload, crew)
    name = hook.hook_event_name
    with unscoped():  # all rows are reached from the key's organization
        if name in STOPPING and _was_cancelled(key, hook):
            return _stop(hook)  # it has not obeyed: the answer before was lost
        if name == "Stop" and (text := _messages(runs.open_run(key, hook), hook)):
            return {"decision": "block", "reason": text}  # the turn goes on
    runs.receive(key, hook, crew, received)
    if name not in STOPPING:
        return {}
    with unscoped():
        reported = runs.open_run(key, hook)
        if reported and reported.run.cancel_requested:
            events = [each | {"run": reported.key} for each in _ends(hook)]
            apply_events(key, [runs.item(i, each) for i, each in enumerate(events)], received)
            return _stop(hook)
        if name in TAKING_CONTEXT and (text := _messages(reported, hook)):
            return {"hookSpecificOutput": {"hookEventName": name, "additionalContext": text}}
    return {}


def _was_cancelled(key: ApiKey, hook: Hook) -> bool:
    """Whether the run of this turn has ended, because a user has cancelled it."""
    first = runs.key_of(hook)
    turn = runs.own(key).filter(Q(key=first) | Q(key__startswith=f"{first}:"))
    return turn.filter(run__status=Run.Status.CANCELLED, run__cancel_requested=True).exists()


def _ends(hook: Hook) -> Iterator[Event]:
    """End the call that the hook is about, if it does not begin, and the run."""
    if hook.hook_event_name == "PreToolUse":
        yield {
            "id": f"end {short(hook.tool_use_id)}",
            "type": "tool_end",
            "execution_id": hook.tool_use_id,
            "status": "cancelled",
            "message": CANCELLED,
        }
    yield DONE


def _stop(hook: Hook) -> dict[str, Any]:
    stop: dict[str, Any] = {"continue": False, "stopReason": CANCELLED}
    if hook.hook_event_name == "PreToolUse":  # else the tool would run before the session ends
        stop["hookSpecificOutput"] = {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": CANCELLED,
        }
    return stop


def _messages(reported: ReportedRun | None, hook: Hook) -> str:
    """Take the messages to the run, as a text for the main agent; empty if there is none."""
    if reported is None or hook.place["agent_id"] != MAIN:
        return ""
    waiting = reported.run.controls.pending().filter(action=Control.Action.MESSAGE)
    if not waiting.exists():
        return ""
    with runs.locked_run(reported.run_id):
        taken = list(waiting.select_related("run__crew").order_by("requested_at", "pk"))
        for control in taken:
            control.end(Control.Status.APPLIED)
    return "\n\n".join(f"Message from {one.by} in CrewOps: {one.text}" for one in taken)
