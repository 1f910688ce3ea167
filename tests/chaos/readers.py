"""Raw sockets: stuck ones that never read, healthy ones that note when each event came."""

import asyncio
import base64
import os
import re
import socket
import threading
import time
from typing import Self

TICK_S = 1.0  # between the pings of a trickling reader; a busy server may take many at once
RECEIVE_BUFFER = 4096  # bytes; a stuck reader's kernel takes little on its behalf
JOIN_S = 30.0  # for all of them to end
MASKED = bytes((0x80,)) + bytes(4)  # no payload, masked with zeros
PING = b"\x89" + MASKED
TEXT_PING = b"\x81" + bytes((0x80 | 15,)) + bytes(4) + b'{"type":"ping"}'
STAMP = re.compile(rb'"message":"t=(\d+)')


def request(port: int, path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
        f"Sec-WebSocket-Protocol: token, {token}\r\n\r\n"
    ).encode()


class StuckReader:
    """Upgrades and never reads; with ``trickle`` it sends a ping and a ping message now and
    then.
    """

    def __init__(self, port: int, path: str, token: str, *, trickle: bool) -> None:
        self.trickle = trickle
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(request(port, path, token))

    def prod(self, frame: bytes) -> None:
        try:
            self.socket.send(frame, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except (BlockingIOError, ConnectionError):
            return  # the server takes nothing from it any more

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()


class HealthyReaders:
    """Readers in a thread of their own; ``latencies_ms`` of the events that carry a time."""

    def __init__(self, number: int, port: int, path: str, token: str) -> None:
        self._number = number
        self._port = port
        self._request = request(port, path, token)
        self._latencies: list[float] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="healthy readers", daemon=True)
        self.newest = [0] * number  # the time, in ns, that each one's last event carries
        self.lost = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive(), "the readers do not end"
        self._loop.close()

    def take(self) -> list[float]:
        """The latencies since the last call, in ms."""
        taken, self._latencies = self._latencies, []
        return taken

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._all())

    async def _all(self) -> None:
        self._stop = asyncio.Event()
        tasks = [asyncio.create_task(self._one(n)) for n in range(self._number)]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        try:
            writer.write(self._request)
            await reader.readuntil(b"\r\n\r\n")
            while True:
                head = await reader.readexactly(2)
                size = head[1]
                if size > 125:
                    size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
                payload = await reader.readexactly(size)
                if head[0] == PING[0]:  # Daphne drops who does not answer
                    writer.write(bytes((0x8A, 0x80 | size)) + bytes(4) + payload)
                elif stamp := STAMP.search(payload):
                    self.newest[number] = int(stamp[1])
                    self._latencies.append((time.time_ns() - self.newest[number]) / 1e6)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost += 1
        finally:
            writer.close()
