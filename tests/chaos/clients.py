"""Clients that resume, reconnect to whichever server answers, and cut themselves at random."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.chaos.transcript import Transcript

CUT_EVERY_S = 6.0  # mean of the time after which a client cuts itself
PAUSE_S = (0.05, 0.5)  # before connecting again
SILENCE_S = 15.0  # no frame at all for this long: the connection counts as dead
JOIN_S = 30.0  # for all of them to end
EXPECTED_CODES = frozenset({1000, 1006, 1012})  # complete, killed, restarting


class Client:
    """One client of one stream; ``path`` is the socket's, ``expected`` what it may be
    closed with.
    """

    def __init__(
        self,
        path: str,
        stream: str,
        token: str,
        rng: random.Random,
        expected: frozenset[int] = EXPECTED_CODES,
    ) -> None:
        self.transcript = Transcript(stream)
        self.connected_to: int | None = None  # the port
        self.codes: Counter[int] = Counter()  # of connections that the server ended
        self.cuts = 0
        self.late_s = 0.0  # the longest an event was on its way, of those it was connected for
        self._path = path
        self._token = token
        self._expected = expected
        self._rng = rng

    async def follow(self, ports: Sequence[int]) -> None:
        """Until the run is complete, or cancelled. ``ports`` may change meanwhile."""
        while not self.transcript.done:
            port = self._rng.choice(ports)
            with suppress(OSError, InvalidHandshake, InvalidMessage, TimeoutError):
                async with connect(
                    f"ws://127.0.0.1:{port}{self._path}?{self._resume()}",
                    subprotocols=["token", self._token],
                    compression=None,
                    ping_interval=None,
                    close_timeout=1,
                    open_timeout=SILENCE_S,
                    proxy=None,
                ) as connection:
                    self.connected_to = port
                    await self._read(connection)
            self.connected_to = None
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    def _resume(self) -> str:
        since = f"since={self.transcript.position}"
        return f"{since}&epoch={self.transcript.epoch}" if self.transcript.epoch else since

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._rng.expovariate(1 / CUT_EVERY_S)):
                connected_at = time.time()
                async for text in connection:
                    made_at = self.transcript.add(text)
                    if made_at and made_at > connected_at:
                        self.late_s = max(self.late_s, time.time() - made_at)
        except TimeoutError:
            self.cuts += 1
            if self._rng.random() < 0.5:  # as when the network goes away
                connection.transport.abort()
            return
        except ConnectionClosed:
            pass
        code = connection.close_code or 1006
        self.codes[code] += 1
        if code not in self._expected:
            self.transcript.faults.append(f"closed {code}")


class Clients:
    """Clients on an event loop in a thread of its own."""

    def __init__(self, clients: Sequence[Client], ports: list[int]) -> None:
        self.clients = clients
        self.ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive(), "the clients do not end"
        self._loop.close()

    def level_with(self, heads: dict[str, int]) -> bool:
        """Whether every client has what its stream has."""
        return all(c.transcript.position >= heads[c.transcript.stream] for c in self.clients)

    def connected(self, port: int | None = None) -> int:
        at = [client.connected_to for client in self.clients]
        return sum(p is not None for p in at) if port is None else at.count(port)

    def missing(self, heads: dict[str, int]) -> int:
        """Events committed that clients have not got yet, over all of them."""
        behind = (heads[c.transcript.stream] - c.transcript.position for c in self.clients)
        return sum(max(0, events) for events in behind)

    def latest_s(self) -> float:
        """How late an event has come at most since this was last asked for."""
        late_s = max(client.late_s for client in self.clients)
        for client in self.clients:
            client.late_s = 0.0
        return late_s

    def dropped(self) -> int:
        """Connections so far that ended without a cut of the client's own."""
        return sum(number for c in self.clients for code, number in c.codes.items() if code != 1000)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._tasks = [self._loop.create_task(client.follow(self.ports)) for client in self.clients]
        gathered = asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in self._loop.run_until_complete(gathered):
            if isinstance(outcome, Exception):
                raise outcome

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
