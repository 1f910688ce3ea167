"""A proxy before Redis that can fail in ways a process cannot be made to."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

CHUNK = 64 * 1024  # bytes

Mode = Literal["ok", "blackhole", "reset", "deaf"]


class Proxy:
    """Listens on a unix socket and passes on to another, on an event loop in a thread of its own.

    ``ok``: as if it were not there. ``blackhole``: connections stand, new ones too, and no byte
    comes through. ``reset``: connections are broken, new ones at once. ``deaf``: Redis hears
    everything and nobody hears Redis.
    """

    def __init__(self, path: Path, server: Path) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._server = server
        self._mode: Mode = "ok"
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def set(self, mode: Mode) -> None:
        asyncio.run_coroutine_threadsafe(self._set(mode), self._loop).result()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        server = await asyncio.start_unix_server(self._accept, self._path)
        self._ready.set()
        await self._over.wait()
        server.close()
        await self._break()

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "blackhole":
            self._open.clear()
        else:
            self._open.set()
        if mode == "reset":
            await self._break()

    async def _break(self) -> None:
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            if self._mode != "reset":
                await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):  # broken, here or there
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._server)
        try:
            async with asyncio.TaskGroup() as group:
                there = group.create_task(self._pass(reader, to_server, answers=False))
                back = group.create_task(self._pass(from_server, writer, answers=True))
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        finally:
            to_server.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                if not (answers and self._mode == "deaf"):
                    writer.write(data)
                    await writer.drain()
