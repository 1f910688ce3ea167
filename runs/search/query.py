"""The text of a search: words that must all occur, and exact words in quotes.

There is no other syntax, so a command or a path can be pasted as it is, and nothing is a syntax
error.
"""

import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from runs.search import scope
from runs.search.words import words_of

QUERY_LIMIT = 200  # characters
WORDS_LIMIT = 20
PREFIX_FROM = 3  # letters; a shorter word matches only itself

_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb", '"""""')


class Unusable(ValueError):
    """The query cannot be used. The message says why, for a person."""


@dataclass(frozen=True)
class Term:
    """Words that follow each other. With ``is_prefix`` the last is the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True)
class Query:
    """Terms that must all occur."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `Unusable`. An empty text is a query without terms, which everything matches."""
        if len(text) > QUERY_LIMIT:
            raise Unusable(f"Give at most {QUERY_LIMIT} characters to look for.")
        terms: dict[Term, None] = {}
        for exact, loose in _PART.findall(text.translate(_QUOTES)):
            if words := tuple(words_of(exact or loose)):
                is_prefix = bool(loose) and len(words[-1]) >= PREFIX_FROM
                terms[Term(words, is_prefix)] = None
        if text.strip() and not terms:
            raise Unusable("Give at least one letter or digit to look for.")
        if sum(len(term.words) for term in terms) > WORDS_LIMIT:
            raise Unusable(f"Give at most {WORDS_LIMIT} words to look for.")
        return cls(tuple(terms))


@dataclass(frozen=True)
class Search:
    """The conditions of a search. ``first`` and ``beyond`` limit the ids: first <= id < beyond."""

    query: Query
    crew: UUID | None = None
    run: UUID | None = None
    kind: str = ""
    outcome: str = ""
    first: int | None = None
    beyond: int | None = None

    @property
    def filters(self) -> list[str]:
        """The words of the scope that a document must have, besides that of its organization."""
        return [
            *([scope.crew(self.crew)] if self.crew else []),
            *([scope.kind(self.kind)] if self.kind else []),
            *([scope.outcome(self.outcome)] if self.outcome else []),
        ]
