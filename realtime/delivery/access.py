"""Who may see what on sockets: read when a socket opens, and once a second for all open sockets.

One pass of at most six queries serves every socket of the process. It finds every change in the
database, from the API, the admin or a shell, and needs no Redis. Sockets that open at the same time
share a pass too.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import Error as DatabaseError
from django.db.models import Case, When
from django.utils import timezone
from rest_framework_simplejwt.utils import get_md5_hash_password

from crews.models import ApiKey, Crew
from crews.models.api_key import Scope
from crews.scoping import reaches_everything, watching
from realtime.delivery.threads import Batch, in_thread
from runs.models import Run

RECHECK_S = 1.0

Principal = int | str | None  # a user's id, the digest of an API key, or None if not signed in

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one user or API key may see now: ``crews``, each with its organization.

    ``credential`` is a hash of the password hash, as tokens contain it; it changes with the
    password. A ``member`` belongs to an organization, perhaps one without crews.
    """

    active: bool = False
    credential: str = ""
    member: bool = False
    crews: Mapping[UUID, int] = field(default_factory=dict)
    watches: bool = True  # False for an API key without the scope watch
    reports: bool = False  # True for an API key with the scope report: it follows its own runs


NOTHING = Grant()


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

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Called after each check with the ``grant`` of its user or API key.

        ``run`` is ``None`` if the socket has no run or the run was deleted. ``signed_out``: whether
        its session has ended.
        """


def grants(user_ids: Iterable[int]) -> dict[int, Grant]:
    """Return what each of the users may see, in two queries."""
    users = {}
    organizations = defaultdict(set)
    rows = get_user_model().objects.filter(pk__in=user_ids).annotate(watching=watching())
    for user in rows.values_list(
        "pk", "is_active", "password", "is_superuser", "watching__organization", named=True
    ):
        users[user.pk] = user
        if user.watching__organization is not None:
            organizations[user.pk].add(user.watching__organization)
    everywhere = {
        pk
        for pk, user in users.items()
        if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser)
    }
    crews = Crew.objects.kept()
    if not everywhere:
        crews = crews.filter(organization__in=set().union(*organizations.values()))
    of_organization = defaultdict(set)
    for crew_id, organization_id in crews.values_list("pk", "organization"):
        of_organization[organization_id].add(crew_id)
    return {
        user.pk: Grant(
            active=user.is_active,
            credential=get_md5_hash_password(user.password),
            member=user.pk in everywhere or user.pk in organizations,
            crews={
                crew: organization
                for organization in (
                    of_organization if user.pk in everywhere else organizations[user.pk]
                )
                for crew in of_organization[organization]
            },
        )
        for user in users.values()
    }


def key_grants(digests: Iterable[str]) -> dict[Principal, Grant]:
    """Return what each of the valid API keys may see. Records the time of their last use."""
    keys = list(ApiKey.objects.valid().filter(digest__in=digests))
    ApiKey.objects.note_use(keys)
    watching_keys = [key for key in keys if key.allows(Scope.WATCH)]
    of_organization = defaultdict(dict)
    if watching_keys:
        crews = Crew.objects.kept().filter(
            organization__in={key.organization_id for key in watching_keys}
        )
        for crew_id, organization_id in crews.values_list("pk", "organization"):
            of_organization[organization_id][crew_id] = organization_id
    return {
        key.digest: Grant(
            active=True,
            member=key.allows(Scope.WATCH),
            watches=key.allows(Scope.WATCH),
            reports=key.allows(Scope.REPORT),
            crews=of_organization[key.organization_id] if key in watching_keys else {},
        )
        for key in keys
    }


class AccessCheck:
    """Checks all watchers of this event loop every ``RECHECK_S`` seconds.

    An unchanged grant is passed on as the same object.
    """

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._granted: dict[Principal, Grant] = {}
        self._task: asyncio.Task[None] | None = None
        self._reads = Batch(_read_access)

    async def of(
        self, principal: Principal, run_id: UUID | None = None
    ) -> tuple[Grant, WatchedRun | None]:
        """Return what the user or API key may see now, and the run if it exists."""
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
        while self._watchers:
            await asyncio.sleep(RECHECK_S)
            self._close_expired()
            try:
                await self._check()
            except DatabaseError as error:
                logger.warning("Access could not be checked (%s)", error)

    def _close_expired(self) -> None:
        latest = time.time() - settings.REALTIME_TOKEN_GRACE_S
        for watcher in tuple(self._watchers):
            if watcher.expires_at is not None and watcher.expires_at < latest:
                watcher.expired()

    async def _check(self) -> None:
        watchers = tuple(self._watchers)
        state = await in_thread(
            _read_access, {(w.principal, w.run_id, w.session_key) for w in watchers}
        )
        self._granted = {
            principal: before if (before := self._granted.get(principal)) == grant else grant
            for principal, grant in state.grants.items()
        }
        active_sessions = state.sessions | {None}
        for watcher in watchers:
            if watcher in self._watchers:
                watcher.access_checked(
                    self._granted.get(watcher.principal, NOTHING),
                    state.runs.get(watcher.run_id),
                    signed_out=watcher.session_key not in active_sessions,
                )


def _read_access(asked: set[tuple[Principal, UUID | None, str | None]]) -> AccessState:
    """Read the users, API keys, runs and sessions that are asked for."""
    users = {principal for principal, _, _ in asked if isinstance(principal, int)}
    keys = {principal for principal, _, _ in asked if isinstance(principal, str)}
    runs = {run for _, run, _ in asked} - {None}
    sessions = {session for _, _, session in asked} - {None}
    # Even a query of no rows, which Django does not send, takes a quarter of a millisecond.
    return AccessState(
        (grants(users) if users else {}) | (key_grants(keys) if keys else {}),
        _watched_runs(runs) if runs else {},
        _active_sessions(sessions) if sessions else set(),
    )


def _watched_runs(run_ids: set[UUID]) -> dict[UUID, WatchedRun]:
    found = Run.objects.kept().filter(pk__in=run_ids)
    reporter = Case(When(origin=Run.Origin.REPORTED, then="api_key__digest"))
    found = found.values_list("pk", "crew", "crew__organization", "is_public", reporter)
    return {run: WatchedRun(*facts) for run, *facts in found}


def _active_sessions(session_keys: set[str]) -> set[str]:
    alive = Session.objects.filter(pk__in=session_keys, expire_date__gt=timezone.now())
    return set(alive.values_list("pk", flat=True))
