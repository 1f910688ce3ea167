"""Answers for the scrubber: a run's recording, and its state at a moment."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from realtime.replay import checkpoints
from realtime.replay.merging import Logged
from runs.events.encoding import iso_utc
from runs.pages.moments import moment_in
from runs.pages.views import readable_run

FOLLOWING, FOLLOWING_BYTES = 200, 128 * 1024  # events sent with a state, for playing


@never_cache
@require_safe
def recording(request: HttpRequest, pk: UUID) -> HttpResponse:
    """From when to when the run is known, and its marks: `realtime.replay.marks`.

    With ``is_complete`` false, ask again: a part of a long log is read in each request.
    """
    run = readable_run(request, pk)
    known = checkpoints.recording(run)
    about: dict[str, Any] = {"run_id": str(run.pk), "is_over": run.is_over}
    about["now"] = iso_utc(datetime.now(UTC))
    return _json(about | (known._asdict() if known else {"first": None}))


@never_cache
@require_safe
def moment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The state of the run's crew at the time ``at`` (now, without it), of this run alone.

    ``state`` is the result of `runs.events.state`. The page's reducer continues it with ``events``:
    all events that follow up to ``until``, without their output.
    """
    run = readable_run(request, pk)
    asked = moment_in(request.GET.getlist("at")) if "at" in request.GET else datetime.now(UTC)
    if asked is None:
        return HttpResponseBadRequest("at: give a time, like 2026-01-31T12:00:00.000000Z.")
    found = checkpoints.at(run, iso_utc(asked), following=FOLLOWING, size=FOLLOWING_BYTES)
    if found is None:
        return _json({"at": None})
    events = [_event(logged) for logged in found.events]
    return _json({"at": found.at, "state": found.state, "events": events, "until": found.until})


def _event(logged: Logged) -> dict[str, Any]:
    frame = {name: value for name, value in (logged.frame or {}).items() if name != "output"}
    return {"at": logged.place.at, "stream": logged.stream, "event": frame}


def _json(answer: dict[str, Any]) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")
