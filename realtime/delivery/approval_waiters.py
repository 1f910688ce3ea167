"""The calls of this process that wait for the decision about an approval.

However many wait, one task reads the database for all of them: at once when Redis says that an
approval was decided, else twice a second. No message of Redis decides anything. A call whose API
key is not valid any more gets no approval.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from uuid import UUID

from django.conf import settings

from crews.models import ApiKey
from crews.scoping import unscoped
from realtime.delivery.threads import in_thread
from realtime.failures import log_failure
from realtime.log import streams
from runs.models import Approval, ReportedRun

RECHECK_S = 0.5  # between two reads of the database, whatever Redis says
PAUSE_S = 0.02  # at least, however often Redis says that something was decided
DECIDED_MARK = b'"approval_decided"'
KEY_ENDED = "The API key of the program that waits was revoked, or it has expired."

Decided = asyncio.Future[Approval | None]
Member = Callable[[str, str], Awaitable[None]]  # of a group: its name, and a channel

logger = logging.getLogger(__name__)


class Decisions:
    """``join`` and ``leave`` are methods of the node. It calls `receive` with events of runs."""

    def __init__(self, join: Member, leave: Member) -> None:
        self._join, self._leave = join, leave
        self._waiting: dict[UUID, Decided] = {}
        self._keys: dict[UUID, UUID | None] = {}  # of the programs that wait, by approval
        self._wake_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def expect(self, approval: Approval) -> AsyncIterator[Decided]:
        """A future of the approval once it is decided or expired; of ``None`` if it was deleted."""
        group, channel = streams.group(streams.run(approval.run_id)), f"approval.{approval.pk}"
        await self._join(group, channel)
        decided = self._waiting[approval.pk] = asyncio.get_running_loop().create_future()
        self._keys[approval.pk] = approval.asked_by
        self._wake_up.set()  # it may have been decided before the subscription
        if self._task is None or self._task.done():
            watching = self._watch_decisions()
            self._task = asyncio.create_task(watching, name="decisions", context=Context())
        try:
            yield decided
        finally:
            del self._waiting[approval.pk], self._keys[approval.pk]
            decided.cancel()
            await self._leave(group, channel)

    def receive(self, data: bytes) -> None:
        """Take an event of any run that Redis announces."""
        if self._waiting and DECIDED_MARK in data:
            self._wake_up.set()

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch_decisions(self) -> None:
        clock, renewed = asyncio.get_running_loop().time, float("-inf")
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_S):
                    await self._wake_up.wait()
            self._wake_up.clear()
            renews = clock() - renewed >= settings.RUN_HEARTBEAT_S
            try:
                found = await in_thread(read_decisions, dict(self._keys), renews=renews)
            except Exception as error:  # else all calls of this process would wait for ever
                log_failure(logger, "The approvals could not be read", error)
                await asyncio.sleep(RECHECK_S)
                continue
            renewed = clock() if renews else renewed
            for id, approval in found.items():
                if (decided := self._waiting.get(id)) and not decided.done():
                    decided.set_result(approval)
            await asyncio.sleep(PAUSE_S)


def read_decisions(
    keys: Mapping[UUID, UUID | None], *, renews: bool
) -> dict[UUID, Approval | None]:
    """Return the approvals that do not wait any more. Those that are due are ended as expired.

    ``keys``: by the id of each approval the API key of the program that waits. One without a valid
    key is ended, too; if it was approved meanwhile, what is returned is expired all the same.
    ``renews``: for the others, record that this process waits for them, and renew the leases of
    their runs, whose programs evidently still run.
    """
    with unscoped():
        of_run = Approval.objects.select_related("run__crew").defer("run__plan", "run__remains")
        found = {approval.pk: approval for approval in of_run.filter(pk__in=keys)}
        valid = _valid(keys)
        for approval in found.values():
            if keys[approval.pk] not in valid:
                _end_keyless(approval)
            elif approval.is_pending and approval.left_s <= 0:
                approval.expire()
        if renews:
            waiting = {pk: found[pk].run_id for pk in found if found[pk].is_pending}
            Approval.objects.renew_held(waiting)
            for reported in ReportedRun.objects.filter(run__in={*waiting.values()}):
                reported.renew()
    return {id: found.get(id) for id in keys if id not in found or not found[id].is_pending}


def _valid(keys: Mapping[UUID, UUID | None]) -> set[UUID | None]:
    """The keys that may still be answered, in one query. ``None`` stands for no key."""
    asked_by = {key for key in keys.values() if key}
    return {None, *ApiKey.objects.valid().filter(pk__in=asked_by).values_list("pk", flat=True)}


def _end_keyless(approval: Approval) -> None:
    if approval.is_pending:
        approval.expire(KEY_ENDED)
    if approval.status == Approval.Status.APPROVED:  # a decision stays, but it is not handed on
        approval.status, approval.note = Approval.Status.EXPIRED, KEY_ENDED
