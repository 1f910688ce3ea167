"""The part of a document's text where most of the words of the search are close together.

A snippet is a list of pieces of plain text. The code that shows it escapes them as any other text.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from runs.search.query import Query, Term
from runs.search.words import LETTER, WORD_LIMIT, stands_alone

LENGTH = 240  # characters, about
BEFORE = 60  # of them in front of the first match
MATCHES_LIMIT = 500  # places in a text that are looked at, of each term
GAP = "\u2026"

_SPACE = re.compile(r"\s+")
_BEGINS = f"(?<!{LETTER})"  # where a word may begin


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
    folded, indexes = _folded(text)
    places = []
    for number, term in enumerate(terms):
        for count, match in enumerate(_pattern(term).finditer(folded)):
            if count == MATCHES_LIMIT:
                break
            places.append((indexes[match.start()], indexes[match.end() - 1] + 1, number))
    return sorted(places)


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text without regard to case, as `words_of` reads it, and where each character is from.

    It may be longer than the text: ``ß`` becomes ``ss``.
    """
    folded = text.casefold()
    if len(folded) == len(text):
        return folded, range(len(text))
    return folded, [index for index, char in enumerate(text) for _ in char.casefold()]


def _pattern(term: Term) -> re.Pattern[str]:
    """Finds the words of the term in a folded text, by the rules of `words_of`.

    No quantifier gives back what it has matched, so a failed match costs no more than its length.
    """
    *others, last = term.words
    words = [*(_word(word) for word in others), _word(last, is_prefix=term.is_prefix)]
    return re.compile(("" if stands_alone(term.words[0]) else _BEGINS) + r"[\W_]*+".join(words))


def _word(word: str, *, is_prefix: bool = False) -> str:
    if stands_alone(word):
        return word
    is_cut = len(word) == WORD_LIMIT
    return re.escape(word) + (f"{LETTER}*+" if is_prefix or is_cut else f"(?!{LETTER})")


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
