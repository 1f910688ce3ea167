"""The newest documents, which are compared first: a frequent word fills a page from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F, Q, QuerySet

from runs.search.models import Document
from runs.search.query import Search

NEWEST = 1_000  # documents
ORGANIZATIONS = 5  # of a user; each costs a query


def among_newest(
    rows: QuerySet, search: Search, organizations: Sequence[int] | None, number: int
) -> QuerySet | None:
    """Return those of ``rows``, newest first, that are among the newest ``number`` documents.

    They are within the limits of the search. ``None`` if there are too many organizations.
    """
    condition = _condition(search, organizations, number)
    if condition is None:
        return None
    # It is the only lower limit: of two, SQLite reads an index from either.
    return between(rows.filter(condition), replace(search, first=None), F("id")).order_by("-id")


def _condition(search: Search, organizations: Sequence[int] | None, number: int) -> Q | None:
    """Return the condition for the newest ``number`` documents of the crew or of the organizations.

    For each of these it is a range of ids, which is a part of an index. All ranges begin with the
    same id: a page that they fill is then without a gap.
    """
    if search.crew:
        return Q(crew=search.crew, id__gte=_oldest(search, number, crew=search.crew))
    if organizations is None:
        return Q(id__gte=_oldest(search, number))
    if len(organizations) > ORGANIZATIONS:
        return None
    of_each = number // len(organizations)
    first = max(_oldest(search, of_each, organization=pk) for pk in organizations)
    return Q(organization__in=organizations, id__gte=first)


def _oldest(search: Search, number: int, **of: Any) -> int:
    """The oldest id of the newest ``number`` documents of this within the limits of the search.

    If there are fewer, the lower limit.
    """
    documents = between(Document.objects.unscoped().filter(**of), search, F("id"))
    ids = documents.order_by("-id").values_list("id", flat=True)
    return next(iter(ids[number - 1 : number]), search.first or 0)


def between(rows: QuerySet, search: Search, place: Any) -> QuerySet:
    """Return those of ``rows`` that are within the limits of the search; ``place`` is their id."""
    rows = rows.alias(place=place)
    if search.first is not None:
        rows = rows.filter(place__gte=search.first)
    if search.beyond is not None:
        rows = rows.filter(place__lt=search.beyond)
    return rows
