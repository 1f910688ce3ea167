"""Formats of durations on the server; times.test.js tests the same in the browser."""

import pytest

from realtime.templatetags.formats import percent
from runs.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.84, "840 ms"),
        (3.21, "3.2 s"),
        (42.9, "42 s"),
        (64, "1 min 04 s"),
        (3599.9, "59 min 59 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("share", "text"), [(0, 0), (0.434, 43), (1, 100)])
def test_percent(share, text):
    assert percent(share) == text
