"""Asks SQLite. A frequent word is found among the newest documents, a rare one by the FTS5 index.

The index gives ids in their order, so it stops after a page. But for the beginning of a word it
first reads all places of all words that begin so.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from runs.search import newest, scope
from runs.search.models import Document
from runs.search.models.document import LARGEST_ID
from runs.search.query import Query, Search, Term

CANDIDATES = 200  # ids read at once


def find(
    rows: QuerySet, search: Search, organizations: Sequence[int] | None, size: int
) -> list[Document]:
    """The newest ``size`` of ``rows`` that match."""
    first, beyond = search.first or 0, search.beyond
    beyond = LARGEST_ID if beyond is None else beyond
    match = match_of(search.query, search.filters, organizations)
    if not match:  # everything that there is
        return list(rows.filter(pk__gte=first, pk__lt=beyond).order_by("-pk")[:size])
    if (ids := _among_newest(rows, search, organizations, size)) is not None:
        return list(rows.filter(pk__in=ids).order_by("-pk"))
    found: list[Document] = []
    while len(found) < size:
        ids = _ids(match, first, beyond, search.run)
        # Those whose run was deleted a moment ago are not among the rows any more.
        found += rows.filter(pk__in=ids).order_by("-pk")
        if len(ids) < CANDIDATES:
            break
        beyond = ids[-1]
    return found[:size]


def _among_newest(
    rows: QuerySet, search: Search, organizations: Sequence[int] | None, size: int
) -> list[int] | None:
    """The ids of a page, or ``None`` if the newest do not fill one."""
    terms = search.query.terms
    if not terms:
        return None
    compared = newest.among_newest(rows, search, organizations, newest.NEWEST)
    if compared is None:
        return None
    ids = list(compared.values_list("id", flat=True))
    ids = _with_words(ids, terms, size) if len(ids) >= size else []
    return ids if len(ids) == size else None


def match_of(query: Query, filters: Sequence[str], organizations: Sequence[int] | None) -> str:
    """Return an FTS5 expression. Its words have only letters and digits, and are in quotes."""
    parts = [f'"{" ".join(term.words)}"{" *" * term.is_prefix}' for term in query.terms]
    parts = [f"words : {part}" for part in parts]
    parts += [f'scope : "{name}"' for name in filters]
    if organizations is not None:
        own = " OR ".join(f'"{scope.organization(pk)}"' for pk in organizations)
        parts.append(f"scope : ({own})")
    return " AND ".join(f"({part})" for part in parts)


def _with_words(ids: list[int], terms: Sequence[Term], size: int) -> list[int]:
    """The newest ``size`` of the documents that have all terms. Their words are compared."""
    # The words of a document are stored with a space between.
    parts = [f" {' '.join(term.words)}{'' if term.is_prefix else ' '}" for term in terms]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rowid FROM search_words WHERE rowid IN (SELECT value FROM json_each(%s))"
            + " AND instr(' ' || words || ' ', %s)" * len(parts)
            + " ORDER BY rowid DESC LIMIT %s",
            [json.dumps(ids), *parts, size],
        )
        return [row[0] for row in cursor.fetchall()]


def _ids(match: str, first: int, beyond: int, run: UUID | None) -> list[int]:
    """The newest ids that match. The index knows no runs, so those of one are compared here."""
    # The sign keeps SQLite from asking the index once for each document of the run.
    of_run = " AND +rowid IN (SELECT id FROM search_document WHERE run_id = %s)" if run else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rowid FROM search_words WHERE search_words MATCH %s"
            f" AND rowid >= %s AND rowid < %s{of_run} ORDER BY rowid DESC LIMIT %s",
            [match, first, beyond, *([run.hex] if run else []), CANDIDATES],
        )
        return [row[0] for row in cursor.fetchall()]
