"""Database work off the event loop, on threads of its own.

Channels' ``database_sync_to_async`` runs everything of a process on one thread, where one slow query
holds up every socket. This pool has several; each keeps its connection as long as Django allows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from django.db import close_old_connections, reset_queries

POOL_THREADS = 8  # queries at once in this process, so also its database connections
LANES = 2  # calls of one `Together` under way at once: a slow one does not hold up the rest
REST_S = 0.01  # before a lane takes up a call that already waits: meanwhile a crowd gathers for it

K = TypeVar("K")
P = ParamSpec("P")
R = TypeVar("R")

_pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="realtime")


async def in_thread(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work``, which may query the database, on the pool and wait for it."""
    call = partial(copy_context().run, _with_connection, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, call)


def _with_connection(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    reset_queries()  # with DEBUG Django keeps the last 9,000 of each connection, some 70 MB of a pool
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


class Together(Generic[K, R]):
    """One call of ``ask(keys)`` on the pool for all who ask while the calls before it are under way.

    A crowd that comes at once costs a few queries instead of a few each. The call begins after it was
    asked for, so the answer is never older than the question. Who asks alone waits for nobody.
    """

    def __init__(self, ask: Callable[[set[K]], R]) -> None:
        self._ask = ask
        self._lanes = asyncio.Semaphore(LANES)
        self._keys: set[K] = set()
        self._next: asyncio.Task[R] | None = None  # that has not begun
        self._calls: set[asyncio.Task[R]] = set()

    async def __call__(self, *keys: K) -> R:
        """The answer to these keys, and to others."""
        self._keys.update(keys)
        if self._next is None:
            self._next = asyncio.create_task(self._call(), context=Context())
            self._calls.add(self._next)
            self._next.add_done_callback(self._called)
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """Who still waits is cancelled."""
        for call in self._calls:
            call.cancel()

    async def _call(self) -> R:
        await self._lanes.acquire()
        keys, self._keys, self._next = self._keys, set(), None
        try:
            return await in_thread(self._ask, keys)
        finally:
            if self._next is None:
                self._lanes.release()
            else:
                asyncio.get_running_loop().call_later(REST_S, self._lanes.release)

    def _called(self, call: asyncio.Task[R]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # it is raised where it is waited for, if anybody still waits
