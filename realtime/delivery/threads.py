"""Runs database queries on threads of a pool, not on the event loop.

Channels' ``database_sync_to_async`` runs all queries of a process on one thread, so one slow query
delays every socket. This pool has several threads. Each keeps its connection as long as Django
allows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from django.db import close_old_connections, reset_queries

POOL_THREADS = 8  # concurrent queries of this process, so also its database connections
LANES = 2  # concurrent calls of one `CallBatcher`, so that a slow one does not delay the others
PAUSE_S = 0.01  # before a waiting call begins; until then more callers can join it

K = TypeVar("K")
P = ParamSpec("P")
R = TypeVar("R")

_pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="realtime")


async def in_thread(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work``, which may query the database, on the pool. Return its result."""
    return await in_pool(_pool, work, *args, **kwargs)


async def in_pool(
    pool: ThreadPoolExecutor, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run ``work`` on a thread of another pool."""
    call = partial(copy_context().run, _with_connection, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(pool, call)


def _with_connection(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    # With DEBUG, Django keeps the last 9,000 queries of each connection: about 70 MB for the pool.
    reset_queries()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


class CallBatcher(Generic[K, R]):
    """Combines concurrent calls into one call of ``ask(keys)`` on the pool.

    Many callers at the same time cost a few queries in all, not a few each. ``ask`` begins after a
    caller has called, so the result is never older than the call. A single caller does not wait.
    """

    def __init__(self, ask: Callable[[set[K]], R]) -> None:
        self._ask = ask
        self._lanes = asyncio.Semaphore(LANES)
        self._keys: set[K] = set()
        self._next: asyncio.Task[R] | None = None  # the call that has not begun
        self._calls: set[asyncio.Task[R]] = set()

    async def __call__(self, *keys: K) -> R:
        """The result for these keys, and for others."""
        self._keys.update(keys)
        if self._next is None:
            self._next = asyncio.create_task(self._call(), context=Context())
            self._calls.add(self._next)
            self._next.add_done_callback(self._called)
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """Cancels the callers that still wait."""
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
                asyncio.get_running_loop().call_later(PAUSE_S, self._lanes.release)

    def _called(self, call: asyncio.Task[R]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # raised to the callers that still wait; marks it as retrieved
