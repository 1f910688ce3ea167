"""Answers that wait for a person, without a thread: `crewops.handler` sends them.

The head of the answer is sent at once and its body, a JSON object, after the decision. Until then a
space is sent now and then, which JSON allows before a value: so proxies keep the connection, and a
disconnected client is noticed.
"""

import asyncio
import json
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.http import StreamingHttpResponse
from django.utils import timezone

from realtime.delivery.approval_waiters import Decided
from realtime.delivery.threads import in_thread
from runs.models import Approval

DEFERRED_AT_ONCE = 500  # answers of this process that wait
DEFERRED_PER_KEY = 100  # of them those to one API key
KEEP_ALIVE_S = 20.0  # between two spaces; proxies commonly wait for 60 s
LATE_S = 10.0  # after its expiry a call is denied even if the database does not answer
EXTENSION = "crewops.deferred_response"  # of the ASGI scope: the `StopNotifier` of a connection
STOPPED = "The server stopped while the call waited. Ask again."
GONE = "The program no longer waits for a decision: its connection has ended."

Answer = Callable[[Approval | None], dict[str, Any]]

logger = logging.getLogger(__name__)


class TooManyDeferred(Exception):
    """The text says which limit is reached."""


class DeferredSlots:
    """Counts the answers that wait in this process, in all and by API key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[int] = Counter()

    def acquire(self, key: int) -> Callable[[], None]:
        """Return what frees the slot again. Raises ``TooManyDeferred``."""
        with self._lock:
            if self._waiting[key] >= DEFERRED_PER_KEY:
                raise TooManyDeferred(
                    f"{DEFERRED_PER_KEY} calls of this API key wait for approval already."
                )
            if self._waiting.total() >= DEFERRED_AT_ONCE:
                raise TooManyDeferred(
                    f"{DEFERRED_AT_ONCE} calls wait for approval on this server already."
                )
            self._waiting[key] += 1
        return partial(self._free, key)

    def _free(self, key: int) -> None:
        with self._lock:
            self._waiting[key] -= 1
            self._waiting += Counter()  # removes the keys whose count is zero


slots = DeferredSlots()


class StopNotifier:
    """Notifies the response of a connection that the server is about to end."""

    __slots__ = ("_call", "_is_stopped")

    def __init__(self) -> None:
        self._call: Callable[[], None] | None = None
        self._is_stopped = False

    @property
    def is_awaited(self) -> bool:
        """Whether the response waits for a person now."""
        return self._call is not None

    def listen(self, call: Callable[[], None] | None) -> None:
        """Call this when the server is about to end; at once if it is."""
        self._call = call
        if call and self._is_stopped:
            call()

    def __call__(self) -> None:
        self._is_stopped = True
        if self._call:
            self._call()


class DeferredResponse(StreamingHttpResponse):
    """The answer to a program that waits for the decision about ``approval``.

    ``answer(approval)`` makes its body, on a thread: ``None`` if the approval is not there any more
    or the database does not answer. ``free`` is called once, when the client stops waiting. If it
    disconnects before the answer, the approval ends as expired.
    """

    def __init__(self, approval: Approval, answer: Answer, *, free: Callable[[], None]) -> None:
        self._approval = approval
        self._make_answer = answer
        self._decided: Decided | None = None
        self._is_stopped = self._is_answered = False
        super().__init__(self._wait(), content_type="application/json")
        self._free = free
        self["Cache-Control"] = "no-store"
        self["X-Accel-Buffering"] = "no"  # nginx would keep the spaces for itself

    def stop(self) -> None:
        """The server is about to end: deny the call now, and say why."""
        self._is_stopped = True
        if self._decided:
            self._decided.cancel()

    async def _wait(self) -> AsyncIterator[bytes]:
        approval: Approval | None = self._approval
        async with get_channel_layer().node.decisions.expect(self._approval) as self._decided:
            while (left_s := self._left_s()) > 0 and not self._is_stopped:
                await asyncio.wait({self._decided}, timeout=min(KEEP_ALIVE_S, left_s))
                if self._decided.done():
                    break
                yield b" "
            if self._decided.done() and not self._decided.cancelled():
                approval = self._decided.result()
            elif self._is_stopped:
                await in_thread(self._expire, STOPPED)
            else:
                approval = None
        body = await in_thread(self._make_answer, approval)
        self._is_answered = True
        yield json.dumps(body).encode()

    def close(self) -> None:
        """End the wait: the client has its answer or has disconnected. Called on a thread."""
        if not self.closed:
            self._free()
            if not self._is_answered:
                self._expire(GONE)
        super().close()

    def _left_s(self) -> float:
        return (self._approval.expires_at - timezone.now()).total_seconds() + LATE_S

    def _expire(self, note: str) -> None:
        try:
            self._approval.expire(note)
        except (DatabaseError, Approval.DoesNotExist) as error:
            logger.warning("Approval %s could not be ended (%s)", self._approval.pk, error)
