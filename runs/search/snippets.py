"""The part of a document's text where most of the words of the search are close together.

A snippet is a list of pieces of plain text. The code that shows it escapes them as any other text.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from runs.search.query import Query, Term
from runs.search.words import stands_alone

LENGTH = 240  # characters, about
BEFORE = 60  # of them in front of the first match
MATCHES_LIMIT = 500  # places in a text that are looked at, of each term
GAP = "\u2026"

_SPACE = re.compile(r"\s+")
_LETTER = r"[^\W_]"


class Piece(NamedTuple):
    text: str
    is_match: bool


def snippet(text: str, query: Query) -> list[Piece]:
    """The pieces, in order. Without a match: the beginning of the text."""
    text = _SPACE.sub(" ", text).strip()
    places = _places(text, query.terms)
    start = max(_best(places) - BEFORE, 0)
    end = min(start + LENGTH, len(text))
    start, end = _whole_words(text, start, end)
    spans = [(max(a, start), min(b, end)) for a, b, _ in places if a < end and b > start]
    return _cut(text, start, end, _merged(spans))


def _places(text: str, terms: Sequence[Term]) -> list[tuple[int, int, int]]:
    """Start and end of each match, with the number of its term, in order."""
    places = []
    for number, term in enumerate(terms):
        for count, match in enumerate(_pattern(term).finditer(text)):
            if count == MATCHES_LIMIT:
                break
            places.append((*match.span(), number))
    return sorted(places)


def _pattern(term: Term) -> re.Pattern[str]:
    first, last = term.words[0], term.words[-1]
    pattern = "" if stands_alone(first) else f"(?<!{_LETTER})"
    pattern += re.escape(first)
    for before, word in pairwise(term.words):
        # Kana and Han characters follow each other without a space.
        optional = "*" if stands_alone(before) or stands_alone(word) else "+"
        pattern += rf"[\W_]{optional}{re.escape(word)}"
    if term.is_prefix:
        pattern += f"{_LETTER}*"
    elif not stands_alone(last):
        pattern += f"(?!{_LETTER})"
    return re.compile(pattern, re.IGNORECASE)


def _best(places: Sequence[tuple[int, int, int]]) -> int:
    """Where the first passage begins that has the most of the terms."""
    best, most = 0, 0
    for index, (start, _, _) in enumerate(places):
        near = {
            number for a, _, number in places[index : index + 50] if a < start + LENGTH - BEFORE
        }
        if len(near) > most:
            best, most = start, len(near)
    return best


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Begin and end at a space, if one is near."""
    if start and (space := text.find(" ", start, start + BEFORE // 2)) >= 0:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", end - BEFORE // 2, end)) >= 0:
        end = space
    return start, end


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> list[Piece]:
    pieces, place = [Piece(GAP, False)] if start else [], start
    for a, b in spans:
        pieces += [Piece(text[place:a], False), Piece(text[a:b], True)]
        place = b
    pieces.append(Piece(text[place:end], False))
    if end < len(text):
        pieces.append(Piece(GAP, False))
    return [piece for piece in pieces if piece.text]
