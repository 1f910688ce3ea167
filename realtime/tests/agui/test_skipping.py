"""To continue after an interrupt reads the run up to it, within the limits of all reading."""

import asyncio
from itertools import groupby
from types import SimpleNamespace
from uuid import UUID

import pytest

from realtime.agui.resume import Resumption
from realtime.delivery.run_follower import EVENTS_AT_ONCE
from realtime.log import streams
from realtime.replay.merging import Logged, ReplayPosition
from realtime.replay.pages import Page
from realtime.sockets import agui
from realtime.sockets.agui import AguiEvents
from runs.models import Run
from tests.waiting import comes_true

RUN = UUID(int=1)
EVENTS = 3 * EVENTS_AT_ONCE + 1


class Mapping:
    """Notes during which turn of the loop it gets each event."""

    def __init__(self) -> None:
        self.turn = 0
        self.turns: list[int] = []

    async def count_turns(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def apply(self, frame: dict) -> None:
        self.turns.append(self.turn)

    def resume(self, run_id: str, answered: set[str]) -> list:
        return []


@pytest.fixture
def socket() -> AguiEvents:
    made = AguiEvents()
    made.run_id, made._of, made._mapping = RUN, Run(pk=RUN, crew_id=UUID(int=2)), Mapping()
    side = SimpleNamespace(feed=SimpleNamespace(page_slots=asyncio.Semaphore(1)))
    made.followers = {streams.run(RUN): side}
    return made


@pytest.fixture
def reads(monkeypatch) -> list[ReplayPosition]:
    places: list[ReplayPosition] = []

    def read(run: Run, place: ReplayPosition, last: None, ends: dict[str, int]) -> Page:
        places.append(place)
        logged = [
            Logged(ReplayPosition("", seq, 0), "run", {"seq": seq}, 1)
            for seq in range(1, EVENTS + 1)
        ]
        return Page(logged, True, {})

    monkeypatch.setattr(agui, "read", read)
    return places


async def skip(socket: AguiEvents) -> ReplayPosition:
    return await socket._skip(ReplayPosition("", 0, 0), Resumption([], EVENTS, 0))


async def test_it_waits_for_its_turn_to_read_a_page(socket, reads):
    slots = socket.followers[streams.run(RUN)].feed.page_slots
    await slots.acquire()
    skipping = asyncio.create_task(skip(socket))
    await asyncio.sleep(0.1)
    assert reads == []
    slots.release()
    assert (await skipping).run_seq == EVENTS
    assert len(reads) == 1
    assert not slots.locked()


async def test_other_sockets_have_their_turn_while_it_maps_a_page(socket, reads):
    turns = asyncio.create_task(socket._mapping.count_turns())
    await comes_true(lambda: socket._mapping.turn)
    await skip(socket)
    turns.cancel()
    at_once = [len(list(events)) for _, events in groupby(socket._mapping.turns)]
    assert sum(at_once) == EVENTS
    assert max(at_once) == EVENTS_AT_ONCE
