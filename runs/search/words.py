"""The words of a text, by the same rules for documents and for searches, on both databases.

A word is a run of letters and digits, without regard to case. So ``src/app/main.py`` has four
words and ``ConnectionResetError`` is one. Chinese and Japanese texts have no spaces: there each
character is a word.
"""

import re

WORD_LIMIT = 64  # characters; the rest of a longer word is ignored
ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han characters
LETTER = rf"[^\W_{ALONE}]"  # a letter or digit of a word
_WORD = re.compile(rf"[{ALONE}]|{LETTER}+")
_ALONE = re.compile(f"[{ALONE}]")

# Limits of PostgreSQL's tsvector.
POSITION_LIMIT = 16_383
POSITIONS_OF_A_WORD = 255


def words_of(text: str) -> list[str]:
    return [word[:WORD_LIMIT] for word in _WORD.findall(text.casefold())]


def stands_alone(word: str) -> bool:
    """Whether the word is a character that may be between others without a space."""
    return bool(_ALONE.match(word))


def vector(words: list[str], scope: list[str]) -> str:
    """A tsvector literal of the words with their positions, and of the words of the scope.

    A word of the scope begins with ``=``, so no word of a text equals it.
    """
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words[:POSITION_LIMIT], start=1):
        found = places.setdefault(word, [])
        if len(found) < POSITIONS_OF_A_WORD:
            found.append(place)
    parts = [f"'{word}':{','.join(map(str, found))}" for word, found in places.items()]
    return " ".join([*parts, *(f"'={name}'" for name in scope)])
