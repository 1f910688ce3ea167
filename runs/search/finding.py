"""Finds documents of the organizations that the user may see.

`postgresql` and `sqlite` ask the index. Both give the newest first.
"""

from dataclasses import replace

from django.db import connection
from django.db.models import Max, Min, QuerySet

from crews.models import Organization
from crews.scoping import User, reaches_everything
from runs.search import postgresql, sqlite
from runs.search.models import Document
from runs.search.query import Search

SHOWN = (
    *("id", "crew_id", "kind", "object_id", "outcome", "ended_at", "name", "task", "agent_id"),
    *("text", "run__crew_name", "run__status", "run__created_at", "run__origin"),
    "run__reported__name",
)


def find(user: User, search: Search, *, size: int) -> list[Document]:
    """At most ``size`` documents, each with its run.

    The index is asked only for words of the user's organizations, and the rows that it finds are
    read as all others are: with ``visible_to``.
    """
    organizations = _organizations(user)
    if organizations is not None and not organizations:
        return []
    rows = Document.objects.visible_to(user)
    if search.kind:
        rows = rows.filter(kind=search.kind)
    if search.outcome:
        rows = rows.filter(outcome=search.outcome)
    if search.crew:
        rows = rows.filter(crew=search.crew)
    if search.run:
        rows = rows.filter(run=search.run)
        search = _within_run(search, rows)
    backend = postgresql if connection.vendor == "postgresql" else sqlite
    return backend.find(_shown(rows), search, organizations, size)


def _within_run(search: Search, rows: QuerySet) -> Search:
    """``search`` with the limits that the ids of ``rows``, of one run, have.

    The index of words knows no runs. With these limits it is asked only about the run's time.
    """
    ids = rows.aggregate(first=Min("id"), last=Max("id"))
    if ids["first"] is None:
        return replace(search, first=0, beyond=0)
    beyond = min(ids["last"] + 1, ids["last"] + 1 if search.beyond is None else search.beyond)
    return replace(search, first=max(ids["first"], search.first or 0), beyond=beyond)


def _organizations(user: User) -> list[int] | None:
    """The ids of the organizations that the user may see. ``None``: all."""
    if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser):
        return None
    return list(Organization.objects.visible_to(user).order_by().values_list("pk", flat=True))


def _shown(rows: QuerySet) -> QuerySet:
    return rows.select_related("run__reported").only(*SHOWN, "run__id")
