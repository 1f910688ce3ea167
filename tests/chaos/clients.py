"""Clients that resume, reconnect to whichever server answers, and cut themselves at random."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from itertools import islice
from typing import Self

from tests.chaos.forms import FORMS, UNANSWERED, Connection, Frame, Place, spread
from tests.chaos.transcript import Transcript, read

CUT_EVERY_S = 6.0  # mean of the time after which a client cuts itself
PAUSE_S = (0.05, 0.5)  # before connecting again
JOIN_S = 30.0  # for all of them to end
COMPLETE = 1000
NO_CODE = 1005
EXPECTED_CODES = frozenset({COMPLETE, 1006, 1012})  # complete, killed, restarting


class Client:
    """One client of these streams in the ``form``. It may be closed with ``expected``."""

    def __init__(
        self,
        form: str,
        streams: Sequence[str],
        token: str,
        rng: random.Random,
        expected: frozenset[int] = EXPECTED_CODES,
    ) -> None:
        self.form = form
        self._form = FORMS[form](token)
        several = self._form.streams > 1
        self._by_stream = {stream: Transcript(stream, named=several) for stream in streams}
        self.connected_to: int | None = None  # the port
        self.codes: Counter[int] = Counter()  # of connections that the server ended
        self.cuts = 0
        self.compressed = 0  # frames that came compressed
        self.late_s = 0.0  # the longest an event was on its way, of those it was connected for
        self._expected = expected
        self._rng = rng

    @property
    def transcripts(self) -> list[Transcript]:
        return [*self._by_stream.values()]

    @property
    def dropped(self) -> int:
        """Connections so far that ended without a cut of its own."""
        return self.codes.total() - self.codes[COMPLETE]

    async def follow(self, ports: Sequence[int]) -> None:
        """Until the runs are complete, or cancelled. ``ports`` may change meanwhile."""
        while places := [self._place(t) for t in self.transcripts if not t.done]:
            port = self._rng.choice(ports)
            with suppress(*UNANSWERED):
                async with self._form.open(port, places) as connection:
                    self.connected_to = port
                    await self._read(connection)
            self.connected_to = None
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    def _place(self, transcript: Transcript) -> Place:
        return Place(transcript.stream, transcript.position, transcript.epoch)

    async def _read(self, connection: Connection) -> None:
        try:
            async with (
                asyncio.timeout(self._rng.expovariate(1 / CUT_EVERY_S)),
                aclosing(connection.frames()) as frames,
            ):
                connected_at = time.time()
                async for frame in frames:
                    made_at = self._take(frame)
                    if made_at and made_at > connected_at:
                        self.late_s = max(self.late_s, time.time() - made_at)
        except TimeoutError:
            self.cuts += 1
            if self._rng.random() < 0.5:  # as when the network goes away
                connection.abort()
            return
        finally:
            self.compressed += connection.compressed
        self._ended(connection.code)

    def _take(self, frame: Frame) -> float | None:
        """Add it to the transcript of its stream; the time the event was made at."""
        first = self.transcripts[0]
        if not first.named:
            return first.add(frame)
        said = read(frame)
        if transcript := self._by_stream.get(said.get("stream")):
            if said["type"] != "close":
                return transcript.add(frame)
            self._ended(said["code"])
            if said["code"] != COMPLETE:
                raise ConnectionResetError  # it asks for the stream on a new connection
        elif said["type"] not in ("hello", "ping"):
            first.faults.append(f"{said}"[:200])
        return None

    def _ended(self, code: int | None) -> None:
        """A connection, or a stream of one, ended with this code; a response may have none."""
        self.codes[code or NO_CODE] += 1
        if code not in self._expected:
            self.transcripts[0].faults.append(f"closed {code}")


def followers(
    streams: Sequence[str],
    number: int,
    token: str,
    rng: random.Random,
    expected: frozenset[int] = EXPECTED_CODES,
) -> list[Client]:
    """So many clients of these streams, in all forms."""
    return [
        Client(form, followed, token, random.Random(rng.random()), expected)
        for form, followed in islice(spread(streams), number)
    ]


class Clients:
    """Clients on an event loop in a thread of its own."""

    def __init__(self, clients: Sequence[Client], ports: list[int]) -> None:
        self.clients = clients
        self.ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive(), "the clients do not end"
        self._loop.close()
        if self._failure:
            raise self._failure

    @property
    def transcripts(self) -> list[Transcript]:
        return [transcript for client in self.clients for transcript in client.transcripts]

    def level_with(self, heads: dict[str, int]) -> bool:
        """Whether every client has what its stream has."""
        return all(t.position >= heads[t.stream] for t in self.transcripts)

    def connected(self, port: int | None = None) -> int:
        at = [client.connected_to for client in self.clients]
        return sum(p is not None for p in at) if port is None else at.count(port)

    def missing(self, heads: dict[str, int]) -> int:
        """Events committed that clients have not got yet, over all of them."""
        behind = (heads[t.stream] - t.position for t in self.transcripts)
        return sum(max(0, events) for events in behind)

    def latest_s(self) -> float:
        """How late an event has come at most since this was last asked for."""
        late_s = max(client.late_s for client in self.clients)
        for client in self.clients:
            client.late_s = 0.0
        return late_s

    def dropped(self) -> int:
        """Connections so far that ended without a cut of the client's own."""
        return sum(
            number for c in self.clients for code, number in c.codes.items() if code != COMPLETE
        )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._tasks = [self._loop.create_task(client.follow(self.ports)) for client in self.clients]
        gathered = asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in self._loop.run_until_complete(gathered):
            if isinstance(outcome, Exception):
                self._failure = outcome

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
