"""The run page, as it is now or, with ``?at=`` in the address, as it was at that moment.

`runs.pages.views` renders both with the same templates. The state at a moment comes from the event
log, which that app does not know.
"""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from realtime.replay import checkpoints
from realtime.replay.merging import parsed
from runs.events.encoding import iso_utc
from runs.models import Run
from runs.pages import views
from runs.pages.past import Past


@never_cache
@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    return views.run(request, pk, past_of=past_of)


@never_cache
@require_safe
def run_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    return views.run_live(request, pk, past_of=past_of)


def past_of(run: Run, moment: datetime) -> Past | None:
    """The run at ``moment``, or at the nearest one that is known. ``None`` if none is."""
    asked = iso_utc(moment)
    found = checkpoints.at(run, asked)
    if found is None:
        return None
    is_end = not found.next and run.is_over
    return Past(
        run=run,
        at=max(parsed(found.at), moment) if is_end else parsed(found.at),
        state=found.state,
        since=found.since,
        until=found.next or ("9" if is_end else found.at),
    )
