"""A PermissionRequest of Claude Code as an approval: a person answers it in CrewOps.

Claude Code asks by itself, so no approval rule is needed. Rules that match the call make it
stricter: a shorter time, or only admins decide.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from rest_framework.exceptions import ParseError

from crews.models import ApiKey
from crews.models.approval_rule import MAX_WAIT_S, MIN_WAIT_S
from crews.scoping import unscoped
from crews.text import storable
from crews.tracking import InvalidState
from runs.models import Approval, ReportedRun, Run, ToolExecution
from runs.reporting import approval_requests
from runs.reporting.report_request import apply_events
from runs.reporting.sources.claude_code import runs
from runs.reporting.sources.claude_code.control_hook import CANCELLED
from runs.reporting.sources.claude_code.mapping import starts
from runs.reporting.sources.claude_code.payload import Hook
from runs.reporting.transactions import digest_of


def is_question(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.get("hook_event_name") == "PermissionRequest"


def seconds_in(text: str) -> int:
    """The value of ``?approve=``. Raises ``ParseError``."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ParseError("approve: is no whole number of seconds.")
    if not MIN_WAIT_S <= int(text) <= MAX_WAIT_S:
        raise ParseError(f"approve: is not within {MIN_WAIT_S} and {MAX_WAIT_S} seconds.")
    return int(text)


def ask(
    key: ApiKey, payload: Any, crew: str | None, expires_after_s: int, received: datetime
) -> tuple[Approval, UUID | None]:
    """Ask for approval of the call. Returns the approval, and the id of the call if it is known.

    Raises ``ApprovalImpossible`` if the call has to be denied at once, and ``ParseError``.
    """
    hook = runs.read(payload, crew)
    if not hook.tool_name:
        raise ParseError("tool_name: is missing.")
    with unscoped():  # all rows are reached from the key's organization
        reported = _run_of(key, hook, crew, received)
        tool_id = runs.wait(reported, hook)
        approval = approval_requests.request(
            reported,
            key=key,
            **hook.place,
            tool=hook.tool_name,
            params=storable(hook.tool_input),
            expires_after_s=expires_after_s,
            always=True,
        )
        return approval, tool_id


def decision_of(tool_id: UUID | None, approval: Approval | None) -> dict[str, Any]:
    """Return the decision for Claude Code. It has to be explicit: else Claude Code continues."""
    if approval is None:
        return deny(approval_requests.UNKNOWN)
    if refusal := approval.refusal:
        return deny(refusal)
    with unscoped():
        if Run.objects.filter(pk=approval.run_id, cancel_requested=True).exists():
            return deny(CANCELLED)
    if tool_id is not None:
        with suppress(DatabaseError, InvalidState):  # the call may have ended; the decision holds
            _note_on(tool_id, f"Approved by {approval.by}.")
    answer = _answer({"behavior": "allow"})
    if approval.note:
        answer["systemMessage"] = f"Approved by {approval.by}: {approval.note}"
    return answer


def deny(why: str) -> dict[str, Any]:
    return _answer({"behavior": "deny", "message": f"CrewOps: {why}"})


def _answer(decision: dict[str, str]) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}


def _run_of(key: ApiKey, hook: Hook, crew: str | None, received: datetime) -> ReportedRun:
    """The open run of the session.

    If there is none, as after a long silence, the call opens one.
    """
    reported = runs.open_run(key, hook)
    events = starts(hook)
    if reported is None:
        run = runs.key_of(hook)
        if runs.own(key).filter(key=run).exists():
            run = f"{run}:{digest_of(str(received)).hex()}"
        events = [runs.boot(hook, crew), *events]
    else:
        run = reported.key
    answer = apply_events(
        key, [runs.item(i, e | {"run": run}) for i, e in enumerate(events)], received
    )
    if reported is None and (reported := runs.own(key).filter(key=run).first()) is None:
        why = answer.rejected[0]["detail"] if answer.rejected else "There is no run."
        raise approval_requests.ApprovalImpossible(why)
    return reported


def _note_on(tool_id: UUID, message: str) -> None:
    """Show the message on the call while it runs."""
    with unscoped():
        tools = ToolExecution.objects.select_related("task_execution__run")
        tool = tools.filter(pk=tool_id).first()
        if tool and tool.message == runs.WAITING:
            with runs.locked_run(tool.task_execution.run_id):
                tool.refresh_from_db()
                tool.report(message=message)
