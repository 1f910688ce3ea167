"""What a user types, and the passages that are shown of what it finds."""

import time

import pytest

from runs.search.query import QUERY_LIMIT, WORDS_LIMIT, Query, Term, Unusable
from runs.search.snippets import GAP, LENGTH, snippet
from runs.search.words import POSITION_LIMIT, POSITIONS_OF_A_WORD, WORD_LIMIT, vector, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ConnectionResetError", ["connectionreseterror"]),
        ("src/app/main.py", ["src", "app", "main", "py"]),
        ("a_b-c.d 0x1f 1e5", ["a", "b", "c", "d", "0x1f", "1e5"]),
        ("Straße ÉTÉ", ["strasse", "été"]),
        ("日本語 かな", ["日", "本", "語", "か", "な"]),
        ("\u202e\x00 <b>'\"&|!:*()\\ ", ["b"]),
        ("x" * 100, ["x" * WORD_LIMIT]),
        ("", []),
    ],
)
def test_words(text, words):
    assert words_of(text) == words


def test_a_vector_has_the_places_of_words_and_stays_within_the_limits_of_the_database():
    assert vector(["b", "a", "b"], ["o1"]) == "'b':1,3 'a':2 '=o1'"
    many = vector(["a"] * 1_000 + ["b"] * 20_000, [])
    assert many.count(",") == 2 * (POSITIONS_OF_A_WORD - 1)
    assert str(POSITION_LIMIT + 1) not in vector([f"w{n}" for n in range(20_000)], [])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  ", []),
        ("Connection", [Term(("connection",), True)]),
        ("ab", [Term(("ab",), False)]),
        ("main.py", [Term(("main", "py"), False)]),
        ("app/main", [Term(("app", "main"), True)]),
        ('"no such file"', [Term(("no", "such", "file"), False)]),
        ('say "not closed', [Term(("say",), True), Term(("not", "closed"), False)]),
        ("\u201cexact words\u201d", [Term(("exact", "words"), False)]),
        ("ls -la --all", [Term(("ls",), False), Term(("la",), False), Term(("all",), True)]),
        ("error error", [Term(("error",), True)]),
        ("a & b | !c:* <-> (d) NEAR/2 OR", None),
    ],
)
def test_a_query_is_words_and_nothing_is_an_operator(text, terms):
    found = list(Query.parse(text).terms)
    assert found == terms if terms is not None else len(found) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (QUERY_LIMIT + 1), f"Give at most {QUERY_LIMIT} characters to look for."),
        (" ".join("abcdefghijklmnopqrstu"), f"Give at most {WORDS_LIMIT} words to look for."),
        ("?!", "Give at least one letter or digit to look for."),
        ('""', "Give at least one letter or digit to look for."),
    ],
)
def test_a_query_that_cannot_be_used_says_why(text, message):
    with pytest.raises(Unusable) as refused:
        Query.parse(text)
    assert str(refused.value) == message


def test_the_longest_queries_can_be_used():
    Query.parse("x" * QUERY_LIMIT)
    Query.parse(" ".join("abcdefghijklmnopqrst"))


def shown(text: str, query: str) -> str:
    return "".join(
        f"[{piece.text}]" if piece.is_match else piece.text
        for piece in snippet(text, Query.parse(query))
    )


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("a Timeout here", "time", "a [Timeout] here"),
        ("a Timeout here", '"time"', "a Timeout here"),
        ("a Timeout\n\n here", "timeout here", "a [Timeout] [here]"),
        ("at src/app/main.py:3", "app/main.py", "at src/[app/main.py]:3"),
        ("retime timer", "time", "retime [timer]"),
        ("日本語の本", "本語", "日[本語]の本"),
        ("nothing", "else", "nothing"),
        ("", "else", ""),
        ("aa aab", "aa aab", "[aa] [aab]"),
        ("in der Straße 5", "strasse", "in der [Straße] 5"),
        ("in der STRASSE 5", "straße", "in der [STRASSE] 5"),
        ("Straßen, Straßenbahn", '"strassen"', "[Straßen], Straßenbahn"),
        ("ﬁles: ß \u1e9e, then path", "path", "ﬁles: ß \u1e9e, then [path]"),
        ("in İstanbul today", '"i̇stanbul today"', "in [İstanbul today]"),
        ("of Python3は速い", "python3", "of [Python3]は速い"),
        ("の ab日本", '"ab日"', "の [ab日]本"),
        ("foobar foo bar", '"foo bar"', "foobar [foo bar]"),
    ],
)
def test_a_snippet_marks_what_was_asked_for(text, query, expected):
    assert shown(text, query) == expected


def test_a_snippet_is_where_most_of_the_words_are():
    text = "error. " + "word " * 200 + "the error of the disk " + "word " * 200 + "disk"
    passage = shown(text, "disk error")
    assert passage.startswith(GAP)
    assert passage.endswith(GAP)
    assert "[error] of the [disk]" in passage
    assert len(passage) < LENGTH + 20


@pytest.mark.parametrize("length", [WORD_LIMIT - 1, WORD_LIMIT, WORD_LIMIT + 1, 100])
@pytest.mark.parametrize("query", ["{}", '"{}"', '"{} and"', '"a {} and"'])
def test_a_snippet_marks_a_long_word_whole(length, query):
    """Its words are compared as far as `words_of` reads them."""
    word = "x" * length
    text = f"y{word[:20]} a {word} and {word[:40]}"
    expected = query.strip('"').format(word)
    assert shown(text, query.format(word)) == text.replace(expected, f"[{expected}]")


@pytest.mark.parametrize(
    "text", ["Straße", "\u0130I\u0307\u0131", "\u01f0\u0149a", "日abc本", "a_b", "x" * 100, "ﬃ ΐ"]
)
def test_a_snippet_marks_each_word_that_the_index_has(text):
    for word in words_of(text):
        assert any(piece.is_match for piece in snippet(text, Query.parse(f'"{word}"')))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a-" * 12_000, '"' + "a " * (WORDS_LIMIT - 1) + 'b"'),
        ("あ" * 24_000, '"' + "あ" * (WORDS_LIMIT - 1) + 'い"'),
        ("あ" + "-" * 23_998 + "う", '"あい"'),
        (("x" * 500 + "-") * 48, '"' + "x" * 100 + ' b"'),
        ("x" * 24_000, '"' + "x" * 64 + ' b"'),
        ("ß" * 24_000, '"' + "ß" * 50 + ' b"'),
        ("ß " * 12_000, '"' + "ß " * (WORDS_LIMIT - 1) + 'b"'),
    ],
)
def test_no_text_makes_a_snippet_slow(text, query):
    began = time.process_time()
    assert not any(piece.is_match for piece in snippet(text, Query.parse(query)))
    assert time.process_time() - began < 1


def test_a_snippet_of_a_long_word_is_short():
    pieces = snippet("x" * 20_000, Query.parse("xxx"))
    assert sum(len(piece.text) for piece in pieces) <= LENGTH + len(GAP)
