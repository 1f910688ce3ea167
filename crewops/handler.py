"""Django under ASGI: one thread answers each request and keeps its database connection.

Django's own handler makes a thread for each request, and so a database connection. It also changes
threads for each middleware that is not written for both modes. All our views and middleware are
synchronous.

Health checks and metrics have threads of their own, so they are answered while a database that
hangs keeps all others.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, HttpResponse, QueryDict
from django.urls import set_script_prefix

from crewops import deferred_response, health
from crewops.monitor_paths import ALIVE, METRICS, READY

READY_AT_ONCE = 2  # checks of whether all is ready; others wait
OWN_THREADS = {ALIVE: 1, READY: READY_AT_ONCE, METRICS: 2}  # by path

T = TypeVar("T")


class Handler(ASGIHandler):
    """An ASGI application for HTTP. At most ``HTTP_THREADS`` requests run at once; others wait."""

    def __init__(self) -> None:
        super(ASGIHandler, self).__init__()
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(settings.HTTP_THREADS, thread_name_prefix="http")
        self._own_threads = {
            path: ThreadPoolExecutor(number, thread_name_prefix=path.strip("/"))
            for path, number in OWN_THREADS.items()
        }

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            if scope["path"] in self._own_threads:
                response = await self._answer_monitor(scope, body)
            else:
                response = await self._in_thread(self._answer, scope, body)
            try:
                if isinstance(response, deferred_response.DeferredResponse):
                    body.close()  # it would be kept for as long as the answer waits
                    await self._send_deferred(response, scope, receive, send)
                else:
                    await self.send_response(response, send)
            finally:
                if not response.closed:
                    await self._in_thread(response.close)
        finally:
            body.close()

    async def _answer_monitor(self, scope: dict[str, Any], body: Any) -> HttpResponse:
        """Answer a health check or a scrape in time, whether the database answers or not."""
        # Without a cookie, no middleware asks the database for a session.
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"cookie"]}
        threads = self._own_threads[scope["path"]]
        # Metrics limit the time of the database themselves, and report the rest without it.
        limit_s = None if scope["path"] == METRICS else health.READY_S
        try:
            async with asyncio.timeout(limit_s):
                return await self._in_thread(self._answer, scope, body, threads=threads)
        except TimeoutError:
            response = health.overdue(quiet="quiet" in QueryDict(scope["query_string"]))
            response.close()  # here: a thread may wait for the database
            return response

    def _answer(self, scope: dict[str, Any], body: Any) -> HttpResponse:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, response = self.create_request(scope, body)
        response = response or self.get_response(request)
        response._handler_class = type(self)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()  # here, not in another thread: the content is in memory
        elif not response.is_async:
            response.streaming_content = self._parts(response.streaming_content)
        return response

    async def _parts(self, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Read a file part by part. Django would read it whole first, and warn about that."""
        while (part := await self._in_thread(next, parts, None)) is not None:
            yield part

    async def _send_deferred(
        self,
        response: deferred_response.DeferredResponse,
        scope: dict[str, Any],
        receive: Callable,
        send: Callable,
    ) -> None:
        """Send an answer that waits, until the client disconnects. It uses no thread meanwhile."""
        stop = (scope.get("extensions") or {}).get(
            deferred_response.EXTENSION
        ) or deferred_response.StopNotifier()
        stop.listen(response.stop)
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.listen(None)
            for task in (sending, leaving):
                task.cancel()
            (error, _) = await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(error, Exception):
            raise error

    async def _in_thread(
        self, work: Callable[..., T], *arguments: Any, threads: ThreadPoolExecutor | None = None
    ) -> T:
        """Run ``work`` in a thread. Then bind here the context that it bound, such as log ids."""
        context = copy_context()
        loop = asyncio.get_running_loop()
        try:
            threads = threads or self._threads
            return await loop.run_in_executor(threads, context.run, work, *arguments)
        finally:
            for variable, value in context.items():
                if variable.get(None) is not value:
                    variable.set(value)


async def _until_gone(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
