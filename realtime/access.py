"""Who may see what on sockets: asked when one opens, and again once a second for all that are open.

One pass of four queries at most answers for every socket of the process, whatever changed the
database: the API, the admin, a shell. It needs no Redis. Sockets that open at the same time share a
pass, too.
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
from django.utils import timezone
from rest_framework_simplejwt.utils import get_md5_hash_password

from crews.models import Crew
from crews.scoping import reaches_everything, watching
from realtime.threads import Together, in_thread
from runs.models import Run

RECHECK_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one user may see now: ``crews``, each with its organization.

    ``credential`` changes with the password, and is what a token says of it; a ``member`` belongs to
    an organization, be it one without crews.
    """

    active: bool = False
    credential: str = ""
    member: bool = False
    crews: Mapping[UUID, int] = field(default_factory=dict)


NOTHING = Grant()


class WatchedRun(NamedTuple):
    """What a run's own record says of who may watch it: a ``shared`` one is open to all."""

    crew_id: UUID
    organization_id: int
    shared: bool


class Look(NamedTuple):
    """What the database says of who may see what. What is not in it is not there."""

    grants: dict[int, Grant]
    runs: dict[UUID, WatchedRun]
    sessions: set[str]  # that go on


class Watcher(Protocol):
    """A socket whose access is looked at again and again."""

    user_id: int | None
    run_id: UUID | None
    session_key: str | None  # of the session that it was opened with
    expires_at: float | None  # of its token, seconds since the epoch

    def expired(self) -> None:
        """Its token has expired and was not replaced in time."""

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """``grant`` of its user; ``run``: its run, ``None`` where it has none or that is gone;
        ``signed_out``: whether its session has ended.
        """


def grants(user_ids: Iterable[int]) -> dict[int, Grant]:
    """What each of the users may see, in two queries."""
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
    crews = Crew.objects.all()
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


class AccessCheck:
    """Asks for all watchers of this event loop, every ``RECHECK_S`` seconds while there are any.

    A grant that is as it was is handed on as the same object.
    """

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._granted: dict[int, Grant] = {}
        self._task: asyncio.Task[None] | None = None
        self._look = Together(_look)

    async def of(
        self, user_id: int | None, run_id: UUID | None = None
    ) -> tuple[Grant, WatchedRun | None]:
        """What the user may see now, and the run where there is such a one."""
        look = await self._look((user_id, run_id, None))
        return look.grants.get(user_id, NOTHING), look.runs.get(run_id)

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="access check", context=Context())

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    async def close(self) -> None:
        self._look.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._watchers:
            await asyncio.sleep(RECHECK_S)
            self._look_for_expired()
            try:
                await self._check()
            except DatabaseError as error:
                logger.warning("Access could not be checked (%s)", error)

    def _look_for_expired(self) -> None:
        latest = time.time() - settings.REALTIME_TOKEN_GRACE_S
        for watcher in tuple(self._watchers):
            if watcher.expires_at is not None and watcher.expires_at < latest:
                watcher.expired()

    async def _check(self) -> None:
        watchers = tuple(self._watchers)
        look = await in_thread(_look, {(w.user_id, w.run_id, w.session_key) for w in watchers})
        self._granted = {
            user_id: before if (before := self._granted.get(user_id)) == grant else grant
            for user_id, grant in look.grants.items()
        }
        going_on = look.sessions | {None}
        for watcher in watchers:
            if watcher in self._watchers:
                watcher.access_checked(
                    self._granted.get(watcher.user_id, NOTHING),
                    look.runs.get(watcher.run_id),
                    signed_out=watcher.session_key not in going_on,
                )


def _look(asked: set[tuple[int | None, UUID | None, str | None]]) -> Look:
    """For users, runs and sessions, as far as they are asked for."""
    users = {user for user, _, _ in asked} - {None}
    runs = {run for _, run, _ in asked} - {None}
    sessions = {session for _, _, session in asked} - {None}
    # Also a query of nothing, which Django does not send, would take a quarter of a millisecond.
    return Look(
        grants(users) if users else {},
        _watched_runs(runs) if runs else {},
        _going_on(sessions) if sessions else set(),
    )


def _watched_runs(run_ids: set[UUID]) -> dict[UUID, WatchedRun]:
    found = Run.objects.filter(pk__in=run_ids)
    found = found.values_list("pk", "crew", "crew__organization", "is_public")
    return {run: WatchedRun(*facts) for run, *facts in found}


def _going_on(session_keys: set[str]) -> set[str]:
    alive = Session.objects.filter(pk__in=session_keys, expire_date__gt=timezone.now())
    return set(alive.values_list("pk", flat=True))
