"""Who may see what on sockets: read when a socket opens, and once a second for all open sockets.

One pass of at most six queries serves every socket of the process. It finds every change in the
database, from the API, the admin or a shell, and needs no Redis. Sockets that open at the same time
share a pass too. Sockets are closed when the database has not answered for a minute.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import NamedTuple, Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Case, DateTimeField, F, TextField, UUIDField, When
from django.utils import timezone

from crews.compiled_queries import AnyOf, BindList, BindParam, Select
from realtime.delivery.grants import NOTHING, Grant, Principal, grants, key_grants
from realtime.delivery.threads import CallBatcher, in_pool
from realtime.delivery.ticks import tick
from realtime.failures import log_failure
from runs.models import Run

RECHECK_S = 1.0
# A check that takes longer is given up, and the next one uses another thread and connection.
CHECK_S = 20.0
UNCHECKED_S = 60.0  # how long sockets stay open without a successful check
CHECKS_AT_ONCE = 2  # so checks that were given up take no thread of other queries
UNCHECKED = f"Access could not be checked for {UNCHECKED_S:g} s."

logger = logging.getLogger(__name__)

RUNS = Select(
    lambda: (
        Run.objects.not_deleted()
        .filter(AnyOf(F("pk"), BindList("runs", UUIDField())))
        .values_list(
            "pk",
            "crew",
            "crew__organization",
            "is_public",
            Case(When(origin=Run.Origin.REPORTED, then="api_key__digest")),
        )
    )
)
SESSIONS = Select(
    lambda: Session.objects.filter(
        AnyOf(F("pk"), BindList("keys", TextField())),
        expire_date__gt=BindParam("now", DateTimeField()),
    ).values_list("pk")
)

_pool = ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="access")


class Unchecked(Exception):
    """The database did not answer for so long that access may have been removed meanwhile."""


class WatchedRun(NamedTuple):
    """The part of a run that decides who may watch it. Anybody may watch a ``shared`` run."""

    crew_id: UUID
    organization_id: int
    shared: bool
    reporter: str | None = None  # the digest of the API key that reports it


class AccessState(NamedTuple):
    """The result of one pass. Users, keys, runs and sessions that are missing do not exist."""

    grants: dict[Principal, Grant]
    runs: dict[UUID, WatchedRun]
    sessions: set[str]  # that have not ended


class Watcher(Protocol):
    """A socket whose access is checked once a second."""

    principal: Principal
    run_id: UUID | None
    session_key: str | None  # of the session it was opened with
    expires_at: float | None  # expiry of its token, in seconds since the epoch

    def expired(self) -> None:
        """Called when its token has expired and was not replaced in time."""

    def failed(self, error: BaseException) -> None:
        """Called when the socket must not stay open unchecked.

        ``error`` is what `access_checked` has raised, or ``Unchecked``.
        """

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Called after each check with the ``grant`` of its user or API key.

        ``run`` is ``None`` if the socket has no run or the run was deleted. ``signed_out``: whether
        its session has ended.
        """


class AccessCheck:
    """Checks all watchers of this event loop every ``RECHECK_S`` seconds.

    An unchanged grant is passed on as the same object.
    """

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._granted: dict[Principal, Grant] = {}
        self._task: asyncio.Task[None] | None = None
        self._unchecked_s = 0.0  # without the time in which this process was stopped
        self._reads = CallBatcher(_read_access)

    async def of(
        self, principal: Principal, run_id: UUID | None = None
    ) -> tuple[Grant, WatchedRun | None]:
        """Return the current grant of the user or API key, and the run if it exists."""
        state = await self._reads((principal, run_id, None))
        return state.grants.get(principal, NOTHING), state.runs.get(run_id)

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="access check", context=Context())

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    async def close(self) -> None:
        self._reads.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Close sockets in time, whether the database answers or not."""
        self._unchecked_s = 0.0
        checks = asyncio.create_task(self._check_repeatedly())
        try:
            while self._watchers:
                await tick(RECHECK_S)
                self._unchecked_s += RECHECK_S
                try:
                    self._close_expired()
                    self._close_unchecked()
                except Exception as error:  # if this task ended, no socket would be closed
                    log_failure(logger, "Sockets could not be closed", error)
        finally:  # nothing is awaited here: `add` has to see at once that this task is over
            checks.cancel()

    async def _check_repeatedly(self) -> None:
        while True:
            await tick(RECHECK_S)
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._check()
                self._unchecked_s = 0.0
            except TimeoutError:
                logger.warning("Access was not checked within %g s; trying again", CHECK_S)
            except Exception as error:  # if this task ended, removed access would stay in effect
                log_failure(logger, "Access could not be checked", error)

    def _close_unchecked(self) -> None:
        if self._unchecked_s > UNCHECKED_S:
            self._unchecked_s = 0.0  # they are closed once
            logger.error("%d sockets are closed: %s", len(self._watchers), UNCHECKED)
            for watcher in tuple(self._watchers):
                watcher.failed(Unchecked(UNCHECKED))

    def _close_expired(self) -> None:
        latest = time.time() - settings.REALTIME_TOKEN_GRACE_S
        for watcher in tuple(self._watchers):
            if watcher.expires_at is not None and watcher.expires_at < latest:
                watcher.expired()

    async def _check(self) -> None:
        watchers = tuple(self._watchers)
        state = await in_pool(
            _pool, _read_access, {(w.principal, w.run_id, w.session_key) for w in watchers}
        )
        self._granted = {
            principal: before if (before := self._granted.get(principal)) == grant else grant
            for principal, grant in state.grants.items()
        }
        active_sessions = state.sessions | {None}
        for watcher in watchers:
            if watcher not in self._watchers:
                continue
            try:
                watcher.access_checked(
                    self._granted.get(watcher.principal, NOTHING),
                    state.runs.get(watcher.run_id),
                    signed_out=watcher.session_key not in active_sessions,
                )
            except Exception as error:  # the others are checked
                watcher.failed(error)


def _read_access(asked: set[tuple[Principal, UUID | None, str | None]]) -> AccessState:
    """Read the users, API keys, runs and sessions that are asked for."""
    users = {principal for principal, _, _ in asked if isinstance(principal, int)}
    keys = {principal for principal, _, _ in asked if isinstance(principal, str)}
    runs = {run for _, run, _ in asked} - {None}
    sessions = {session for _, _, session in asked} - {None}
    return AccessState(
        (grants(users) if users else {}) | (key_grants(keys) if keys else {}),
        _watched_runs(runs) if runs else {},
        _active_sessions(sessions) if sessions else set(),
    )


def _watched_runs(run_ids: set[UUID]) -> dict[UUID, WatchedRun]:
    return {run: WatchedRun(*facts) for run, *facts in RUNS.rows(runs=run_ids)}


def _active_sessions(session_keys: set[str]) -> set[str]:
    return {key for (key,) in SESSIONS.rows(keys=session_keys, now=timezone.now())}
