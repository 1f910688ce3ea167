"""A run's recording: checkpoints of its state, made when the run is first looked back at.

A checkpoint follows each page of events. So a state at any moment is computed from one checkpoint
and at most a page of events of each stream, however long the run is.
"""

import zlib
from time import monotonic
from typing import Any, NamedTuple

import msgspec
from django.db.models import BigIntegerField, Q, QuerySet, TextField

from crews.compiled_queries import BindParam, Select
from realtime import log
from realtime.log import streams
from realtime.models import Checkpoint, Stream
from realtime.replay import merging
from realtime.replay.marks import Mark, marks_of_event
from realtime.replay.merging import Logged, ReplayPosition
from runs.events.state import CrewState
from runs.models import Run

PAGE_EVENTS, PAGE_BYTES = 250, 256 * 1024  # read between two checkpoints
BUDGET_S = 1.0  # spent on making checkpoints in one request
MARKS_AT_MOST = 2_000
SHOWN = (  # of a tool
    "run_id", "agent_id", "execution_id", "tool", "status", "started_at", "output_length",
    "message", "progress", "duration_s", "exit_code",
)  # fmt: skip


def _checkpoints() -> QuerySet[Checkpoint]:
    """The checkpoints of a run whose following events have not been pruned."""
    rows = Checkpoint.objects.filter(stream_id=BindParam("stream", TextField()))
    run_floor, graph_floor = (
        BindParam(name, BigIntegerField()) for name in ("run_floor", "graph_floor")
    )
    is_followed = Q(run_seq__gte=run_floor, graph_seq__gte=graph_floor)
    return rows.filter(is_followed | Q(is_end=True))  # after its last event, a state needs no other


_NEWEST = Select(lambda: _checkpoints().order_by("-number")[:1])
_FIRST = Select(lambda: _checkpoints().order_by("number")[:1])
_UNTIL = Select(
    lambda: _checkpoints().filter(at__lte=BindParam("moment", TextField())).order_by("-number")[:1]
)
_MARKS = Select(lambda: _checkpoints().order_by("number").values_list("at", "run_seq", "marks"))


class Recording(NamedTuple):
    """The known part of a run's past."""

    first: str  # time of the first event that is known
    last: str  # time of the last event that was read
    is_pruned: bool  # earlier events have been deleted
    is_complete: bool  # all events until now, or until the run's end, have been read
    share: float  # of the run's events that have been read
    marks: list[Mark]


class Moment(NamedTuple):
    """The state at ``at``, and the events that follow, all up to the time ``until``.

    The state is that of each moment from ``since`` to before ``next``; "" if nothing has followed.
    """

    at: str
    state: CrewState
    events: list[Logged]
    until: str
    since: str
    next: str


def recording(run: Run, *, budget_s: float = BUDGET_S) -> Recording | None:
    """Make the missing checkpoints, for at most ``budget_s``. ``None`` without any event yet."""
    positions = merging.positions(run)
    usable = _usable(run, positions)
    newest, marks = _NEWEST.first(**usable), []
    if newest is None or not newest.is_end:
        newest, marks = _extend(run, newest, positions, budget_s)
        if newest is None:
            return None
    rows = _MARKS.rows(**usable)
    first_at, first_seq, _ = rows[0]
    last = max(newest.at, rows[-1][0])
    all_marks = [tuple(mark) for _, _, own in rows for mark in own] + marks
    head = positions[streams.run(run.pk)].head
    return Recording(
        first=first_at,
        last=last,
        is_pruned=first_seq > 0,
        is_complete=newest.is_end or newest.pk is None,
        share=1.0 if newest.is_end or newest.pk is None else newest.run_seq / max(head, 1),
        marks=all_marks[:MARKS_AT_MOST],
    )


def at(run: Run, moment: str, *, following: int = 0, size: int = 0) -> Moment | None:
    """The state at ``moment``, the first or last one that is known if it is out of range.

    Also returns ``following`` events after it, or fewer with ``size`` bytes.
    """
    positions = merging.positions(run)
    usable = _usable(run, positions)
    newest = _NEWEST.first(**usable)
    if newest is None or (not newest.is_end and newest.at < moment):
        newest, _ = _extend(run, newest, positions, BUDGET_S)
        if newest is None:
            return None
        if newest.pk is not None:  # more than could be read now, or the run's end
            moment = min(moment, newest.at)
    if newest.at <= moment:
        checkpoint = newest
    else:
        checkpoint = _UNTIL.first(**usable, moment=moment) or _FIRST.first(**usable) or newest
    state, place = loaded(checkpoint), _place(checkpoint)
    moment = max(moment, place.at)
    events: list[Logged] = []
    until, since, following_at = moment, place.at, ""
    for logged in merging.after(run, place, positions, page=PAGE_EVENTS):
        if logged.place.at <= moment:
            _apply(state, logged)
            since = logged.place.at
            continue
        following_at = following_at or logged.place.at
        if len(events) >= following or size <= 0:
            # Events at the same time belong together: those at the end may not be all.
            events = [one for one in events if one.place.at < logged.place.at]
            until = events[-1].place.at if events else moment
            break
        if logged.frame is not None:
            events.append(logged)
            size -= logged.size
        until = logged.place.at
    return Moment(moment, without_params(state), events, until, since, following_at)


def without_params(state: CrewState) -> CrewState:
    """The state without the parameters of tools, which may be megabytes and are not shown."""
    executions = {
        id: {name: call[name] for name in SHOWN if name in call}
        for id, call in state.executions.items()
    }
    return CrewState(executions, state.runs, state.model, state.agents, state.reported)


def loaded(checkpoint: Checkpoint) -> CrewState:
    return msgspec.json.decode(zlib.decompress(checkpoint.state), type=CrewState)


def _usable(run: Run, positions: dict[str, log.Position]) -> dict[str, Any]:
    """The values with which `_NEWEST` and the others select the run's usable checkpoints."""
    names = [streams.run(run.pk), streams.graph(run.crew_id)]
    run_floor, graph_floor = (positions[name].floor if name in positions else 0 for name in names)
    return {"stream": names[0], "run_floor": run_floor, "graph_floor": graph_floor}


def _extend(
    run: Run, newest: Checkpoint | None, positions: dict[str, log.Position], budget_s: float
) -> tuple[Checkpoint | None, list[Mark]]:
    """Make checkpoints after the newest. Return the last one, and the marks it does not have.

    The last one is not saved if more events may follow soon: then it is the state of a live run.
    """
    if newest is None:
        newest = _begin(run)
        if newest is None:
            return None, []
    until = monotonic() + budget_s
    state, place, marks = loaded(newest), _place(newest), []
    read = size = 0
    is_end = False
    for logged in merging.after(run, place, positions, page=PAGE_EVENTS):
        place = logged.place
        read, size = read + 1, size + logged.size
        if logged.frame is not None:
            _apply(state, logged)
            marks += marks_of_event(place.at, logged.frame, state.runs.get(str(run.pk)))
            is_end |= logged.frame["type"] == log.LAST_TYPE
        if read >= PAGE_EVENTS or size >= PAGE_BYTES:
            newest = _save(run, newest.number + 1, place, state, marks)
            read = size = 0
            marks = []
            if monotonic() > until:
                return newest, []
    is_end = is_end or state.runs[str(run.pk)].is_over
    if is_end:
        return _save(run, newest.number + 1, place, state, marks, is_end=True), []
    return _checkpoint(run, newest.number + 1, place, state, marks), marks


def _begin(run: Run) -> Checkpoint | None:
    place = merging.beginning(run)
    if place is None:
        return None
    state = CrewState()
    # As for a page whose socket cannot replay the events before: the state begins empty.
    state.apply({"type": "reset", "stream": streams.run(run.pk)})
    # Older checkpoints refer to events that do not exist any more.
    Checkpoint.objects.filter(stream_id=streams.run(run.pk)).delete()
    return _save(run, 0, place, state, [])


def _save(
    run: Run,
    number: int,
    place: ReplayPosition,
    state: CrewState,
    marks: list[Mark],
    *,
    is_end: bool = False,
) -> Checkpoint:
    made = _checkpoint(run, number, place, state, marks)
    made.is_end = is_end
    # Another request may have made the same one. A run may be deleted meanwhile.
    if Stream.objects.filter(name=made.stream_id).exists():
        Checkpoint.objects.bulk_create([made], ignore_conflicts=True)
        made.pk = made.pk or 0
    return made


def _checkpoint(
    run: Run, number: int, place: ReplayPosition, state: CrewState, marks: list[Mark]
) -> Checkpoint:
    return Checkpoint(
        stream_id=streams.run(run.pk),
        number=number,
        at=place.at,
        run_seq=place.run_seq,
        graph_seq=place.graph_seq,
        state=zlib.compress(msgspec.json.encode(without_params(state)), level=1),
        marks=marks,
    )


def _place(checkpoint: Checkpoint) -> ReplayPosition:
    return ReplayPosition(checkpoint.at, checkpoint.run_seq, checkpoint.graph_seq)


def _apply(state: CrewState, logged: Logged) -> None:
    if logged.frame is not None:
        state.apply(logged.frame)
