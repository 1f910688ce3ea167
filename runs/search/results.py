"""A page of search results, for the page and the API."""

from collections.abc import Iterator
from dataclasses import dataclass

from crews.scoping import User
from runs.search import finding
from runs.search.forms import SearchForm
from runs.search.models import Document
from runs.search.query import Query, Search
from runs.search.snippets import Piece, snippet

PAGE_SIZE = 25


@dataclass(frozen=True)
class Result:
    document: Document
    query: Query

    @property
    def kind(self) -> str:
        return self.document.kind

    @property
    def snippet(self) -> list[Piece]:
        return snippet(self.document.text, self.query)


@dataclass(frozen=True)
class Results:
    """``cursor`` is where the next page begins. ``None``: this is the last one."""

    rows: list[Result]
    cursor: int | None

    def __iter__(self) -> Iterator[Result]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def results(user: User, form: SearchForm) -> Results:
    """Return a page of the results for the valid ``form``, the newest first."""
    given = form.cleaned_data
    search = Search(
        query=given["q"],
        crew=given["crew"] and given["crew"].pk,
        run=given["run"] and given["run"].pk,
        kind=given["kind"],
        outcome=given["status"],
        first=form.first,
        beyond=form.beyond,
    )
    found = finding.find(user, search, size=PAGE_SIZE + 1)
    rows = [Result(document, search.query) for document in found[:PAGE_SIZE]]
    return Results(rows, found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None)
