"""Known secrets in texts: what is found, and that many secrets in many texts are no more work."""

import pytest

from runs.execution.known_secrets import SHORT, SecretMatcher, forms
from runs.execution.redaction import redact_params, secrets_in

MANY = [f"tk{number:05}" for number in range(1_100)]


class Counted(str):
    """A text that counts the searches in it."""

    searches = 0

    def replace(self, *args) -> str:
        Counted.searches += 1
        return super().replace(*args)

    def __getitem__(self, part) -> str:
        Counted.searches += 1
        return super().__getitem__(part)


@pytest.fixture(autouse=True)
def from_zero():
    Counted.searches = 0


def test_many_secrets_are_found_as_few_are():
    texts = ["tk00007", "a tk00007, b", "tk00007tk01099", "tk0000", "x" * 99 + "tk00001", ""]
    for text in texts:
        expected = text
        for secret in MANY:
            expected = expected.replace(secret, "[redacted]")
        assert SecretMatcher(MANY).replace(text) == expected


def test_the_longest_of_many_counts():
    known = SecretMatcher([*MANY, "tk00007-long", "L" * 2 * SHORT])
    text = f"tk00007-long {'L' * 2 * SHORT} tk00007-lo"
    assert known.replace(text) == "[redacted] [redacted] [redacted]-lo"


def test_the_searches_do_not_grow_with_the_number_of_secrets():
    text = Counted("nothing " * 3)
    searches = []
    for many in (1_000, 10_000):
        Counted.searches = 0
        SecretMatcher(f"tk{number:05}" for number in range(many)).replace(text)
        searches.append(Counted.searches)
    assert searches[0] == searches[1] <= len(text) + 1


def test_a_long_text_is_not_looked_up_at_each_place():
    """Searches in C are quicker there, as long as secrets are not many thousands."""
    text = Counted("x" * 16_000)
    Counted.searches = 0
    SecretMatcher(f"tk{number:05}" for number in range(200)).replace(text)
    assert Counted.searches <= 200


def test_a_text_shorter_than_each_form_is_not_searched():
    assert SecretMatcher(["canary"]).replace(Counted("short")) == "short"
    assert SecretMatcher(MANY).replace(Counted("tk1")) == "tk1"
    assert Counted.searches == 0


def test_many_secrets_in_params():
    named = {f"token_{secret}": secret for secret in MANY}
    params = {"own": named, "texts": ["tk00001", "ab", "see tk01099"]}
    known = forms(secrets_in(params))
    shown = redact_params(params, known)
    assert set(shown["own"].values()) == {"[redacted]"}
    assert shown["texts"] == ["[redacted]", "ab", "see [redacted]"]
