"""Which run a hook of Claude Code belongs to: one from a person's prompt to the end of its turn.

A session is no run: it may be resumed after its end, and it waits for its user for hours. A prompt
opens a run, the turn's end ends it, and the next prompt opens another one. A prompt that comes
while background work holds a run open is a further task of that run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import ParseError

from crews.models import ApiKey
from crews.scoping import unscoped
from crews.text import storable
from runs.execution.known_secrets import forms
from runs.execution.redaction import redact, redact_params, secrets_in
from runs.models import ReportedRun, Run, SeenEvent, TaskExecution, ToolExecution
from runs.reporting.agents import SLUG, slug_of
from runs.reporting.event_parsing import event_of
from runs.reporting.report_body import Item
from runs.reporting.report_request import apply_events
from runs.reporting.reported_kinds import InvalidEvent
from runs.reporting.sources.claude_code.mapping import Event, events_of, title_of
from runs.reporting.sources.claude_code.payload import MAIN, Hook, hook_of
from runs.reporting.sources.values import bounded
from runs.reporting.transactions import digest_of

ORIGIN = "claude-code"
WAITING = "Waiting for approval."
INTERRUPTED: Event = {
    "id": "interrupted",
    "type": "done",
    "status": "cancelled",
    "message": "The turn was interrupted before the next prompt.",
}


def read(payload: Any, crew: str | None) -> Hook:
    """Convert a payload. Raises ``ParseError`` if it is no hook, or the crew is no slug."""
    if crew is not None and not SLUG.fullmatch(crew):
        raise ParseError("crew: is no slug: 1 to 50 of a-z A-Z 0-9 - _.")
    try:
        return hook_of(payload)
    except InvalidEvent as error:
        raise ParseError(error.detail) from error


def receive(key: ApiKey, hook: Hook, crew: str | None, received: datetime) -> None:
    """Apply a hook. Raises an exception of the API if the crew cannot be used."""
    try:
        with unscoped():  # all rows are reached from the key's organization
            if hook.hook_event_name == "PermissionRequest":
                if reported := open_run(key, hook):
                    wait(reported, hook)
                return
            events = events_of(hook)
            run = _run_of(key, hook, events, received) if events else None
        if run is None:
            return
        if hook.opens:
            events = [boot(hook, crew), *events]
        items = [item(index, event | {"run": run}) for index, event in enumerate(events)]
    except InvalidEvent as error:
        raise ParseError(error.detail) from error
    for rejected in apply_events(key, items, received).rejected:
        if rejected["code"] == "unknown_crew":
            raise ParseError(rejected["detail"])


def crew_of(directory: str) -> str:
    """Return the slug of a crew for a project's directory."""
    name = re.split(r"[/\\]", directory.rstrip("/\\"))[-1]
    return re.sub(r"[^a-zA-Z0-9_-]+", "-", name).strip("-")[:50] or ORIGIN


def boot(hook: Hook, crew: str | None) -> Event:
    """Open the run in the crew with this slug, else in that of the project's directory."""
    name = title_of(hook) if hook.prompt else "Claude Code"
    slug = crew or crew_of(hook.cwd)
    return {
        "id": "boot", "type": "boot", "crew": slug, "name": name, "origin": ORIGIN,
        "controls": ["cancel", "message"],  # the answer to the next hook has them
    }  # fmt: skip


def item(index: int, raw: Event) -> Item:
    return Item(index, raw["id"], event_of(raw), None)


def own(key: ApiKey) -> QuerySet[ReportedRun]:
    return ReportedRun.objects.filter(organization=key.organization_id)


def open_run(key: ApiKey, hook: Hook) -> ReportedRun | None:
    """Return the run of the session that is open."""
    open_ones = own(key).filter(source=ORIGIN, run__status=Run.Status.RUNNING)
    return open_ones.filter(key__startswith=prefix(hook)).order_by("-run__started_at").first()


def prefix(hook: Hook) -> str:
    return f"{ORIGIN}:{hook.session}:"


def key_of(hook: Hook) -> str:
    """The key of the first run of the hook's turn. Those that continue the turn begin with it."""
    return f"{prefix(hook)}{hook.turn}"


def _run_of(key: ApiKey, hook: Hook, events: list[Event], received: datetime) -> str | None:
    """Return the key of the hook's run; ``None`` if it has none, and does not begin one."""
    first = key_of(hook)
    own_id = events[-1]["id"]
    if reported := open_run(key, hook):
        if not (hook.is_persons and _is_interrupted(reported, own_id)):
            return reported.key
        if own(key).filter(key=first).exists():
            return None  # an earlier prompt comes again
        apply_events(key, [item(0, INTERRUPTED | {"run": reported.key})], received)
        return first
    if not hook.opens:
        return None
    ended = own(key).filter(key=first).first()
    if ended is None:
        return first
    if _has_seen(ended, own_id):
        return None  # it comes again
    # The turn continues after its end: a hook kept Claude Code from stopping, or the run was
    # silent for too long.
    return f"{first}:{digest_of(own_id).hex()}"


def _is_interrupted(reported: ReportedRun, own_id: str) -> bool:
    """Whether a new prompt means that the turn before was interrupted. No hook reports that.

    A prompt that waits for the turn's next step has the id of the turn. While sub-agents work, the
    run continues.
    """
    running = TaskExecution.objects.filter(
        run=reported.run_id, status=TaskExecution.Status.RUNNING
    ).values_list("agent_id", flat=True)
    return set(running) == {MAIN} and not _has_seen(reported, own_id)


def _has_seen(reported: ReportedRun, id: str) -> bool:
    return SeenEvent.objects.filter(run=reported.run_id, digest=digest_of(id)).exists()


def wait(reported: ReportedRun, hook: Hook) -> UUID | None:
    """Say of the call that it waits, and return its id.

    The hook does not name the call, so it is found by its input.
    """
    with locked_run(reported.run_id):
        open_ones = ToolExecution.objects.filter(
            task_execution__run=reported.run_id,
            task_execution__agent_id=slug_of(hook.place["agent_id"]),
            tool=redact(hook.tool_name)[:40],
            status=ToolExecution.Status.RUNNING,
        )
        asked = storable(bounded(hook.tool_input))
        params = redact_params(asked, forms(secrets_in(asked)))
        for tool in open_ones.select_related("task_execution__run").order_by("-started_at"):
            if tool.params == params and tool.message != WAITING:  # else it is another such call
                tool.report(message=WAITING)
                return tool.pk
    return None


@contextmanager
def locked_run(run_id: UUID) -> Iterator[None]:
    """A transaction that locks the run first, as every method that changes one does."""
    with transaction.atomic():
        Run.objects.lock_row(run_id)
        yield
