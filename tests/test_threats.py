"""The page of threats names tests that there are."""

import re

from django.conf import settings

NAMED = re.compile(r"`([\w/.-]+\.(?:py|js))(?:::(\w+))?`")


def test_every_test_that_is_named_is_there():
    named = NAMED.findall((settings.BASE_DIR / "docs/threats.md").read_text())
    tests = {(file, name) for file, name in named if "tests/" in file}
    assert len(tests) > 40
    for file, name in tests:
        source = settings.BASE_DIR / file
        assert source.is_file(), file
        assert f"def {name}(" in source.read_text() or not name, (file, name)
