"""Reads the events of a run in pages, from both of its streams in the order of time."""

from typing import NamedTuple

from realtime import log
from realtime.log import streams
from realtime.replay import merging
from realtime.replay.merging import Logged, ReplayPosition
from runs.models import Run

PAGE_EVENTS, PAGE_BYTES = 500, 128 * 1024  # read at once


class Page(NamedTuple):
    """Events that follow a place. ``is_last``: no more were in the log when it was read."""

    events: list[Logged]
    is_last: bool
    positions: dict[str, log.Position]


def read(
    run: Run, place: ReplayPosition, last: str | None, ends: dict[str, int] | None = None
) -> Page | str:
    """The next page, of events until the time ``last``, up to the seqs ``ends``.

    Returns why the streams are not those that were read up to ``place``: ``ahead`` or ``pruned``.
    """
    positions = merging.positions(run)
    seqs = {streams.run(run.pk): place.run_seq, streams.graph(run.crew_id): place.graph_seq}
    for name, seq in seqs.items():
        if name in positions and (reason := positions[name].refuses(seq, None)):
            return reason
    limits = positions
    if ends is not None:
        limits = {
            name: log.Position(known.epoch, min(known.head, ends[name]), known.floor, known.closed)
            for name, known in positions.items()
        }
    events: list[Logged] = []
    size = 0
    for logged in merging.after(run, place, limits, page=PAGE_EVENTS):
        before, place = place, logged.place
        if place.run_seq - before.run_seq + place.graph_seq - before.graph_seq != 1:
            return "pruned"  # since the positions were read
        if last is not None and place.at > last:
            break
        events.append(logged)
        size += logged.size
        if len(events) >= PAGE_EVENTS or size >= PAGE_BYTES:
            return Page(events, False, positions)
    return Page(events, True, positions)
