"""The durable event log. `realtime.log.writing` appends, `realtime.log.reading` reads.

Only this module, `writing` and `pruning` write to its tables.
"""

from django.db import transaction

from realtime.log.fences import Attempt, StaleWriter, begin
from realtime.log.reading import (
    PAGE_BYTES,
    PAGE_EVENTS,
    Entry,
    Position,
    existing_positions,
    heads,
    newest,
    position,
    positions,
    read,
)
from realtime.log.writing import LAST_TYPE, StreamClosed, append, append_all
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.models.stream import new_epoch

__all__ = [
    "LAST_TYPE", "PAGE_BYTES", "PAGE_EVENTS", "Attempt", "Entry", "Position", "StaleWriter",
    "StreamClosed", "append", "append_all", "begin", "existing_positions", "heads", "newest",
    "position", "positions", "read",
]  # fmt: skip


def renew_epochs() -> int:
    """Give every stream a new epoch: earlier positions become invalid. Returns their number."""
    return Stream.objects.update(epoch=new_epoch())


def delete(*streams: str) -> None:
    """Delete streams with their events, because their records are deleted.

    The streams are locked first, as everywhere, so that no two transactions wait for each other.
    """
    with transaction.atomic():
        rows = Stream.objects.select_for_update().filter(name__in=streams)
        names = list(rows.order_by("name").values_list("name", flat=True))
        LoggedEvent.objects.filter(stream_id__in=names).delete()
        Stream.objects.filter(name__in=names).delete()
