"""The events of one run in the order of time, from the run's stream and the crew's graph stream."""

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from realtime import log
from realtime.log import streams
from realtime.models import Event as LoggedEvent
from runs.events.encoding import iso_utc
from runs.models import Run
from runs.models.timespan import MAX_CLOCK_SKEW


class ReplayPosition(NamedTuple):
    """How far the two streams of a run have been read, and the time of the last event."""

    at: str
    run_seq: int
    graph_seq: int


class Logged(NamedTuple):
    """An event that was read. ``frame`` is ``None`` if it belongs to another run of the crew."""

    place: ReplayPosition
    stream: str  # run or graph
    frame: dict[str, Any] | None
    size: int


class _Head(msgspec.Struct):
    timestamp: str
    run_id: str = ""


class _Read(NamedTuple):
    at: str
    stream: str
    seq: int
    run_id: str
    text: str


_head = msgspec.json.Decoder(_Head)
_frame = msgspec.json.Decoder(dict[str, Any])


def positions(run: Run) -> dict[str, log.Position]:
    """The positions of the run's stream and of its crew's graph stream, if there are any."""
    return log.existing_positions([streams.run(run.pk), streams.graph(run.crew_id)])


def after(
    run: Run, place: ReplayPosition, ends: dict[str, log.Position], *, page: int = log.PAGE_EVENTS
) -> Iterator[Logged]:
    """The events after ``place`` until the positions ``ends``, in order of time.

    Events of other runs come without a frame.

    A stream is in the order of its seqs, so an event counts as no earlier than those before it,
    whatever the clock of the process that wrote it.
    """
    at, run_seq, graph_seq = place
    both = heapq.merge(
        _stream("run", streams.run(run.pk), run_seq, at, page, ends),
        _stream("graph", streams.graph(run.crew_id), graph_seq, at, page, ends),
        key=lambda read: read.at,
    )
    last = None  # the time until which other hosts may still have written events of an ended run
    own = str(run.pk)
    for read in both:
        if last is not None and read.at > last:
            return
        is_run = read.stream == "run"
        run_seq, graph_seq = (read.seq, graph_seq) if is_run else (run_seq, read.seq)
        frame = _frame.decode(read.text) if read.run_id == own else None
        if frame is not None and frame["type"] == log.LAST_TYPE:
            last = iso_utc(parsed(read.at) + MAX_CLOCK_SKEW)
        yield Logged(
            ReplayPosition(read.at, run_seq, graph_seq), read.stream, frame, len(read.text)
        )


def beginning(run: Run) -> ReplayPosition | None:
    """The place before the run's first event that is known. ``None`` if there is none yet."""
    position = log.existing_positions([streams.run(run.pk)]).get(streams.run(run.pk))
    floor = position.floor if position else 0
    first = next(iter(log.read(streams.run(run.pk), floor, limit=1)), None)
    if first is None:
        return None
    at = _head.decode(first.text).timestamp
    return ReplayPosition(
        at, floor, _graph_seq(streams.graph(run.crew_id), parsed(at) - MAX_CLOCK_SKEW)
    )


def parsed(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _stream(
    kind: str, name: str, since: int, at: str, page: int, ends: dict[str, log.Position]
) -> Iterator[_Read]:
    last = ends[name].head if name in ends else 0
    while since < last and (entries := log.read(name, since, limit=page)):
        for entry in entries:
            if entry.seq > last:  # a page may hold more
                return
            head = _head.decode(entry.text)
            at = max(at, head.timestamp)
            yield _Read(at, kind, entry.seq, head.run_id, entry.text)
        since = entries[-1].seq


def _graph_seq(graph: str, moment: datetime) -> int:
    """The seq of the last event of the stream before ``moment``, found by bisection.

    A stream has millions of events of other runs, and its only index is that of the seqs.
    """
    position = log.existing_positions([graph]).get(graph)
    if position is None:
        return 0
    low, high = position.floor, position.head
    times = LoggedEvent.objects.filter(stream_id=graph).values_list("created_at", flat=True)
    while low < high:
        middle = (low + high + 1) // 2
        written = times.filter(seq=middle).first()
        if written is None or written < moment:  # None: pruned in the meantime
            low = middle
        else:
            high = middle - 1
    return low
