"""The state machine: events, announcements on Redis, sockets, sweeps and prunes in any order.

The test compares with a plain list. Each database call of the delivery stops before it reads and
before its result is used, and announcements are lost, doubled and reordered. So all interleavings
of an event loop are tested.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from realtime import log
from realtime.delivery import feed, follower, hub, threads
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.servers.writer import EXTENSION
from realtime.sockets import auth, socket
from realtime.sockets.auth import ANONYMOUS, Identity
from realtime.tests.delivery.parts import Call, Client, Layer, Probe
from runs.events.kinds import TaskStart
from tests.events import sample

EXAMPLES = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
REST_STEPS = 500  # database calls after the last rule until nothing is left to do


class Delivery(RuleBasedStateMachine):
    """Class attributes define which faults and guards are active."""

    consumer: type[Probe] = Probe
    client: type[Client] = Client
    faults = True  # announcements may be lost; sweeps and prunes happen
    publishes_early = False

    def __init__(self) -> None:
        super().__init__()
        self.stream = f"run:{uuid4()}"
        self.model: list[int] = []  # the committed events, by their number in the test
        self.announcements: list[bytes] = []
        self.calls: list[Call] = []
        self.writers: list[tuple[list[TaskStart], int | None]] = []  # transactions under way
        self.clients: list[Client] = []
        self.tasks: list[asyncio.Task] = []
        self.made = 0
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        for module in (feed, hub, follower, threads):
            self.patch.setattr(module, "in_thread", self.hold)
        self.patch.setattr(threads, "PAUSE_S", 0)  # the test does not wait
        self.patch.setattr(auth, "identify", self.identify)
        with override_settings(REALTIME_SWEEP_S=3600):
            self.layer = self.run(self.make_layer())

    async def identify(self, scope: dict[str, Any]) -> Identity:
        return ANONYMOUS

    async def make_layer(self) -> Layer:
        return Layer()

    async def hold(self, work: Callable, *args: Any, **kwargs: Any) -> Any:
        call = Call(lambda: work(*args, **kwargs))
        self.calls.append(call)
        return await call.future

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def settle(self) -> None:
        """Let the loop do everything that waits for nothing of ours."""
        for _ in range(30):
            self.run(asyncio.sleep(0))

    @rule(count=st.integers(1, 3))
    def begin(self, count: int) -> None:
        """A writer opens its transaction; others may end theirs before it does."""
        events = []
        for _ in range(count):
            self.made += 1
            events.append(sample(TaskStart, task_id=str(self.made)))
        self.writers.append((events, self.take(count)))

    @precondition(lambda self: self.writers)
    @rule(which=st.integers(0, 5), committed=st.booleans())
    def end(self, which: int, committed: bool) -> None:
        events, first = self.writers.pop(which % len(self.writers))
        try:
            with transaction.atomic():
                entries = self.write(events, first)
                if self.publishes_early:
                    self.announcements += [entry.text.encode() for entry in entries]
                if not committed:
                    raise InterruptedError
        except InterruptedError:
            return
        self.model += [int(event.task_id) for event in events]
        if not self.publishes_early:
            self.announcements += [entry.text.encode() for entry in entries]

    def take(self, count: int) -> int | None:
        """The first number, for numbers that are handed out before the last step of a
        transaction.
        """
        return None

    def write(self, events: list[TaskStart], first: int | None) -> list[log.Entry]:
        """The last step.

        The stream's row is locked from here to the commit: for others it is one.
        """
        return log.append(self.stream, events)

    def append(self, count: int) -> None:
        """One writer from beginning to commit."""
        self.begin(count)
        self.end(-1, committed=True)

    @precondition(lambda self: self.announcements)
    @rule(which=st.integers(0, 5), fate=st.sampled_from(["receive", "receive", "twice", "lose"]))
    def announce(self, which: int, fate: str) -> None:
        text = self.announcements.pop(which % len(self.announcements))
        if fate == "lose" and self.faults:
            return
        if fate == "twice":
            self.announcements.append(text)
        self.receive_announcement(text)

    def receive_announcement(self, text: bytes) -> None:
        async def receive() -> None:
            self.layer.hub.receive(self.stream, text)

        self.run(receive())
        self.settle()

    @rule(since=st.none() | st.integers(0, 12))
    def connect(self, since: int | None) -> None:
        self.run(self.open(since))
        self.settle()

    async def open(self, since: int | None) -> None:
        client = self.client(since)
        consumer = self.consumer(self.stream)
        scope = {"headers": [], "path": "/", "extensions": {EXTENSION: client}} | client.request()
        inbox: asyncio.Queue = asyncio.Queue()
        inbox.put_nowait({"type": client.opening})
        for frame in client.asks_for(self.stream):
            inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})
        self.patch.setattr(socket, "get_channel_layer", lambda alias: self.layer)

        async def send(message: dict) -> None:
            assert message["type"] == client.welcome

        self.clients.append(client)
        self.tasks.append(asyncio.create_task(consumer(scope, inbox.get, send)))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 5))
    def step(self, which: int) -> None:
        call = self.calls[which % len(self.calls)]
        if call.step():
            self.calls.remove(call)
        self.settle()

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 5))
    def stop_or_go_on_reading(self, which: int) -> None:
        reading = self.clients[which % len(self.clients)].reading
        reading.clear() if reading.is_set() else reading.set()
        self.settle()

    @precondition(lambda self: self.faults)
    @rule()
    def sweep(self) -> None:
        self.tasks.append(self.loop.create_task(self.layer.hub.sweep()))
        self.settle()

    @precondition(lambda self: self.faults and self.model)
    @rule(keep=st.integers(0, 3))
    def prune(self, keep: int) -> None:
        floor = max(0, len(self.model) - keep)
        with transaction.atomic():
            Stream.objects.filter(name=self.stream, floor__lt=floor).update(floor=floor)
            LoggedEvent.objects.filter(stream=self.stream, seq__lte=floor).delete()

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            for client in self.clients:
                self.check(client)
        finally:
            for task in self.tasks:
                task.cancel()
            if self.tasks:
                self.run(asyncio.wait(self.tasks))
            self.run(self.layer.hub.close())
            self.loop.close()
            self.patch.undo()

    def come_to_rest(self) -> None:
        for client in self.clients:
            client.reading.set()
        self.settle()
        for _ in range(3):
            for _ in range(REST_STEPS):
                if self.calls:
                    self.step(0)
            assert not self.calls, "it never comes to rest"
            while self.announcements:
                self.receive_announcement(self.announcements.pop(0))
            if self.faults:
                self.sweep()

    def check(self, client: Client) -> None:
        assert client.frames, "the socket received nothing"
        assert client.frames[0]["type"] == "hello"
        if client.since is None and not self.faults:
            assert client.resets() == [], "sent back to the start without a reason"
        events = client.events()
        for event in events:
            committed = self.model[event["seq"] - 1 : event["seq"]]
            assert committed == [int(event["task_id"])], "not what was committed"
        seqs = [event["seq"] for event in events]
        if not seqs:
            head = max(frame.get("head", 0) for frame in client.frames)
            assert max(head, client.since or 0) >= len(self.model), "the socket was left behind"
            return
        assert seqs == list(range(seqs[0], len(self.model) + 1)), "a hole, a double or a tail lost"
        if client.since is not None and not client.resets():
            assert seqs[0] == client.since + 1


class OnlyAnnouncements(Delivery):
    """Nothing is lost and nothing is swept: joining first alone must do."""

    faults = False
