"""Database work off the event loop, on threads of its own.

Channels' ``database_sync_to_async`` runs everything of a process on one thread, where one slow query
holds up every socket. This pool has several; each keeps its connection as long as Django allows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

POOL_THREADS = 8  # queries at once in this process, so also its database connections

P = ParamSpec("P")
R = TypeVar("R")

_pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="realtime")


async def in_thread(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work``, which may query the database, on the pool and wait for it."""
    call = partial(copy_context().run, _with_connection, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, call)


def _with_connection(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()
