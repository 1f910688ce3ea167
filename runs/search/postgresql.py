"""Asks PostgreSQL. A frequent word is found among the newest documents, a rare one by its index.

An index of words gives all documents with a word, in no order. Of a word that half of the documents
have, reading and sorting them would take seconds. So the newest documents are compared first. If
these do not fill a page, the word is rare enough for its index.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, QuerySet

from runs.search import scope
from runs.search.models import Document
from runs.search.query import Query, Search

NEWEST = 1_000  # documents that are compared first
ORGANIZATIONS = 5  # of a user; each costs a query


class _Literal(SearchQuery):
    """A tsquery that is written out, so that no text search configuration changes its words."""

    template = "(%(expressions)s)::tsquery"


def find(
    rows: QuerySet, search: Search, organizations: Sequence[int] | None, size: int
) -> list[Document]:
    """The newest ``size`` of ``rows`` that match."""
    text = literal_of(search.query, search.filters, organizations)
    if not text:  # everything that there is
        return list(_between(rows, search, F("id")).order_by("-id")[:size])
    matching = rows.filter(vector=_Literal(text))
    newest = _newest(search, organizations)
    if newest is not None:
        found = list(_between(matching.filter(newest), search, F("id")).order_by("-id")[:size])
        if len(found) == size:
            return found
    # Ordered by an expression, so that the database does not read all documents in their order.
    place = ExpressionWrapper(F("id") + 0, output_field=BigIntegerField())
    # Only ids are sorted: texts would not fit into memory.
    ids = _between(matching, search, place).order_by(place.desc()).values_list("pk", flat=True)
    return list(rows.filter(pk__in=list(ids[:size])).order_by("-id"))


def literal_of(query: Query, filters: Sequence[str], organizations: Sequence[int] | None) -> str:
    """Return a tsquery. Its words have only letters and digits, and are in quotes."""
    parts = [
        " <-> ".join(f"'{word}'" for word in term.words) + ":*" * term.is_prefix
        for term in query.terms
    ]
    parts += [f"'={name}'" for name in filters]
    if organizations is not None:
        parts.append(" | ".join(f"'={scope.organization(pk)}'" for pk in organizations))
    return " & ".join(f"({part})" for part in parts)


def _newest(search: Search, organizations: Sequence[int] | None) -> Q | None:
    """Condition for the newest documents of the crew or of the organizations.

    For each of these it is a range of ids, which is a part of an index. All ranges begin with the
    same id: a page that they fill is then without a gap.
    """
    if search.crew:
        return Q(crew=search.crew, id__gte=_oldest(search, NEWEST, crew=search.crew))
    if organizations is None:
        return Q(id__gte=_oldest(search, NEWEST))
    if len(organizations) > ORGANIZATIONS:
        return None
    number = NEWEST // len(organizations)
    first = max(_oldest(search, number, organization=pk) for pk in organizations)
    return Q(organization__in=organizations, id__gte=first)


def _oldest(search: Search, number: int, **of: Any) -> int:
    """The oldest id of the newest ``number`` documents that belong to this; 0 if it has fewer."""
    documents = _between(Document.objects.unscoped().filter(**of), search, F("id"))
    ids = documents.order_by("-id").values_list("id", flat=True)
    return next(iter(ids[number - 1 : number]), 0)


def _between(rows: QuerySet, search: Search, place: Any) -> QuerySet:
    rows = rows.alias(place=place)
    if search.first is not None:
        rows = rows.filter(place__gte=search.first)
    if search.beyond is not None:
        rows = rows.filter(place__lt=search.beyond)
    return rows
