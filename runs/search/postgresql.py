"""Asks PostgreSQL. A frequent word is found among the newest documents, a rare one by its index.

An index of words gives all documents with a word, in no order. Of a word that half of the documents
have, reading and sorting them would take seconds. So the newest documents are compared first: more
of them if the database expects that many have the word, which then is out of use. If these do not
fill a page, the index is asked.
"""

import json
from collections.abc import Sequence

from django.contrib.postgres.search import SearchQuery
from django.db.models import BigIntegerField, ExpressionWrapper, F, QuerySet

from runs.search import newest, scope
from runs.search.models import Document
from runs.search.newest import between
from runs.search.query import Query, Search

MANY = 5_000  # documents; so many are read and sorted in 40 ms
NEWER = (20_000, 80_000)  # documents; to compare a thousand takes 1.6 ms
SOME = 4  # of a page: a part of it that is enough to compare more documents before the index


class _Literal(SearchQuery):
    """A tsquery that is written out, so that no text search configuration changes its words."""

    template = "(%(expressions)s)::tsquery"


def find(
    rows: QuerySet, search: Search, organizations: Sequence[int] | None, size: int
) -> list[Document]:
    """The newest ``size`` of ``rows`` that match."""
    text = literal_of(search.query, search.filters, organizations)
    if not text:  # everything that there is
        return list(between(rows, search, F("id")).order_by("-id")[:size])
    matching = rows.filter(vector=_Literal(text))

    def among(number: int) -> list[Document] | None:
        compared = newest.among_newest(matching, search, organizations, number)
        return None if compared is None else list(compared[:size])

    found = among(newest.NEWEST)
    if found is not None:
        if size > len(found) >= max(size // SOME, 1):
            # As many times more documents have a page. The index would give all of all time.
            found = among(2 * newest.NEWEST * size // len(found))
        if len(found) < size and _expected(matching) > MANY:
            found = next((page for page in map(among, NEWER) if len(page) == size), found)
        if len(found) == size:
            return found
    # Ordered by an expression, so that the database does not read all documents in their order.
    place = ExpressionWrapper(F("id") + 0, output_field=BigIntegerField())
    # Only ids are sorted: texts would not fit into memory.
    ids = between(matching, search, place).order_by(place.desc()).values_list("pk", flat=True)
    return list(rows.filter(pk__in=list(ids[:size])).order_by("-id"))


def _expected(rows: QuerySet) -> int:
    """How many rows the database expects, by its statistics of words."""
    return json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"]


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
