"""Whatever happens between the log and the sockets, every socket sees the list.

A stateful test drives the real consumer, hub and log against a plain list. Every database call of the
delivery is held at two points, before it reads and before its result is used, and doorbells are
lost, doubled and reordered, so all interleavings of an event loop come up. Each guarantee has a
control: with its guard taken away, the same test fails.
"""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from realtime import auth, follower, hub, log, streams
from realtime.access import Grant
from realtime.auth import NOBODY
from realtime.consumers import base, socket
from realtime.consumers.base import StreamConsumer
from realtime.events import Event
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.writers import EXTENSION

EXAMPLES = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Short stories: what comes later would heal the fault.
CONTROL = settings(
    EXAMPLES, max_examples=2000, stateful_step_count=8, database=None, phases=[Phase.generate]
)


class Call:
    """A database call of the delivery, held before it is made and before its result is used."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._made = False
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def step(self) -> bool:
        """Make the call, or hand its result on; whether that was all."""
        if not self._made:
            self._result, self._made = self._work(), True
            return False
        if not self.future.done():
            self.future.set_result(self._result)
        return True


class Client:
    """A socket's far end, which may stop reading; it is the writer the server would offer."""

    def __init__(self, since: int | None) -> None:
        self.since = since
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    def write(self, text: str, frame: bytes) -> bool:
        if self.reading.is_set() and self.closed is None:
            self.frames.append(json.loads(text))
        return self.reading.is_set()

    async def drained(self) -> None:
        await self.reading.wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed = code

    def stop(self) -> None:
        pass

    def events(self) -> list[dict[str, Any]]:
        """What it was sent since it last had to start afresh."""
        events: list[dict[str, Any]] = []
        for frame in self.frames:
            if frame["type"] == "reset":
                events = []
            elif "seq" in frame:
                events.append(frame)
        return events


class Layer:
    """The channel layer without Redis: the test rings the doorbells."""

    def __init__(self) -> None:
        self.hub = hub.Hub()
        self.access = SimpleNamespace(add=lambda _: None, discard=lambda _: None)

    def feed(self, stream: str) -> hub.Feed:
        return self.hub.feeds[stream]

    async def group_add(self, group: str, channel: str) -> None:
        stream = streams.of_group(group)
        self.hub.feeds.setdefault(stream, hub.Feed(stream))

    async def group_discard(self, group: str, channel: str) -> None:
        pass


class Probe(StreamConsumer):
    """The consumer under test, on one stream that anyone may follow."""

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def admit(self) -> set[str]:
        return {self.stream}

    def begin(self, stream: str, position: log.Position) -> tuple[int, list[str]]:
        return position.floor, []

    def allowed(self, grant: Grant, shared: bool) -> set[str]:
        return {self.stream}


class Delivery(RuleBasedStateMachine):
    """The machine; the class attributes say which faults and guards are in force."""

    consumer: type[Probe] = Probe
    faults = True  # doorbells may get lost, sweeps and prunes happen
    publishes_early = False

    def __init__(self) -> None:
        super().__init__()
        self.stream = f"run:{uuid4()}"
        self.model: list[int] = []  # the committed events, by their number in the test
        self.doorbells: list[bytes] = []
        self.calls: list[Call] = []
        self.clients: list[Client] = []
        self.tasks: list[asyncio.Task] = []
        self.made = 0
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        for module in (hub, follower, base, socket):
            self.patch.setattr(module, "in_thread", self.hold)
        self.patch.setattr(auth, "identify", lambda scope: NOBODY)
        with override_settings(REALTIME_SWEEP_S=3600):
            self.layer = self.run(self.make_layer())

    async def make_layer(self) -> Layer:
        return Layer()

    async def hold(self, work: Callable, *args: Any) -> Any:
        call = Call(lambda: work(*args))
        self.calls.append(call)
        return await call.future

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def settle(self) -> None:
        """Let the loop do everything that waits for nothing of ours."""
        for _ in range(30):
            self.run(asyncio.sleep(0))

    @rule(count=st.integers(1, 3), committed=st.booleans())
    def append(self, count: int, committed: bool) -> None:
        events = []
        for _ in range(count):
            self.made += 1
            events.append(Event("task_start", "crew", data={"number": self.made}))
        try:
            with transaction.atomic():
                entries = log.append(self.stream, events)
                if self.publishes_early:
                    self.doorbells += [entry.text.encode() for entry in entries]
                if not committed:
                    raise InterruptedError
        except InterruptedError:
            return
        self.model += [event.data["number"] for event in events]
        if not self.publishes_early:
            self.doorbells += [entry.text.encode() for entry in entries]

    @precondition(lambda self: self.doorbells)
    @rule(which=st.integers(0, 5), fate=st.sampled_from(["ring", "ring", "twice", "lose"]))
    def doorbell(self, which: int, fate: str) -> None:
        text = self.doorbells.pop(which % len(self.doorbells))
        if fate == "lose" and self.faults:
            return
        if fate == "twice":
            self.doorbells.append(text)
        self.ring(text)

    def ring(self, text: bytes) -> None:
        async def receive() -> None:
            self.layer.hub.receive(self.stream, text)

        self.run(receive())
        self.settle()

    @rule(since=st.none() | st.integers(0, 12))
    def connect(self, since: int | None) -> None:
        self.run(self.open(since))
        self.settle()

    async def open(self, since: int | None) -> None:
        client = Client(since)
        consumer = self.consumer(self.stream)
        consumer.channel_layer, consumer.channel_name = self.layer, "probe"
        scope = {
            "type": "websocket",
            "query_string": b"" if since is None else f"since={since}".encode(),
            "extensions": {EXTENSION: client},
        }
        inbox: asyncio.Queue = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})
        self.patch.setattr("channels.consumer.get_channel_layer", lambda alias: None)

        async def send(message: dict) -> None:
            assert message["type"] == "websocket.accept"

        self.clients.append(client)
        self.tasks.append(asyncio.create_task(consumer(scope, inbox.get, send)))
        await asyncio.sleep(0)
        consumer.channel_layer, consumer.channel_name = self.layer, "probe"

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
            while self.calls:
                self.step(0)
            while self.doorbells:
                self.ring(self.doorbells.pop(0))
            if self.faults:
                self.sweep()

    def check(self, client: Client) -> None:
        assert client.frames, "the socket was told nothing"
        assert client.frames[0]["type"] == "hello"
        events = client.events()
        for event in events:
            assert self.model[event["seq"] - 1] == event["number"], "not what was committed"
        seqs = [event["seq"] for event in events]
        if not seqs:
            head = max(frame.get("head", 0) for frame in client.frames)
            assert max(head, client.since or 0) >= len(self.model), "the socket was left behind"
            return
        assert seqs == list(range(seqs[0], len(self.model) + 1)), "a hole, a double or a tail lost"
        if client.since is not None and not any(f["type"] == "reset" for f in client.frames):
            assert seqs[0] == client.since + 1


@pytest.mark.django_db(transaction=True)
def test_every_socket_sees_the_list():
    run_state_machine_as_test(Delivery, settings=EXAMPLES)


class JoinsLast(Probe):
    """Reads where to start before it has joined."""

    async def _follow(
        self, followed: set[str], since: int | None = None, epoch: str | None = None
    ) -> None:
        starts = await base.in_thread(self._starts, sorted(followed), since, epoch)
        for stream in followed:
            self.followers[stream] = await self._join(stream)
            await self._start(stream, starts[stream])


class OnlyDoorbells(Delivery):
    """Nothing is lost and nothing is swept: joining first alone must do."""

    faults = False


class JoinedLast(OnlyDoorbells):
    consumer = JoinsLast


class PublishedEarly(OnlyDoorbells):
    publishes_early = True


@pytest.mark.django_db(transaction=True)
def test_without_a_fault_no_sweep_is_needed():
    run_state_machine_as_test(OnlyDoorbells, settings=EXAMPLES)


@pytest.mark.django_db(transaction=True)
def test_control_published_before_the_commit_the_list_is_not_seen():
    with pytest.raises((AssertionError, IndexError)):
        run_state_machine_as_test(PublishedEarly, settings=CONTROL)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("machine", [OnlyDoorbells, JoinedLast])
def test_an_event_between_reading_and_starting(machine):
    """The story that joining first is for; without it the event is missed for good."""
    story = machine()
    story.connect(None)
    for _ in range(2):  # who it is, what it may follow
        story.step(0)
        story.step(0)
    story.step(0)  # where it starts: read now
    story.append(1, committed=True)
    story.ring(story.doorbells.pop())
    if machine is OnlyDoorbells:
        story.teardown()
    else:
        with pytest.raises(AssertionError, match="left behind"):
            story.teardown()
