"""Pages of the log: limits by number of events and by bytes."""

import pytest

from realtime import log
from runs.events.kinds import ToolProgress
from tests.events import sample

pytestmark = pytest.mark.django_db


def fill(*messages: str) -> list[log.Entry]:
    return log.append("graph:1", [sample(ToolProgress, "1", message=m) for m in messages])


def test_ends_with_the_event_that_reaches_the_bytes():
    entries = fill(*["ü" * 1000] * 10)  # 1,000 characters, 2,000 bytes
    size = len(entries[0].text.encode())
    assert 2000 < size < 2300
    assert log.read("graph:1", 0, size=3 * size) == entries[:3]
    assert log.read("graph:1", 0, size=3 * size + 1) == entries[:4]
    assert log.read("graph:1", 4, size=1) == entries[4:5]


def test_a_page_of_four_byte_characters_is_no_larger():
    entries = fill(*["🦀" * 12_000] * 12)
    page = log.read("graph:1", 0)
    assert page == entries[: len(page)]
    sent = sum(len(entry.text.encode()) for entry in page)
    assert sent - len(page[-1].text.encode()) < log.PAGE_BYTES <= sent


def test_ends_with_the_number_of_events():
    entries = fill(*["a"] * 12)
    assert log.read("graph:1", 2, limit=5) == entries[2:7]
    assert log.read("graph:1", 12) == []


@pytest.mark.parametrize("since", [2**63 - 501, 2**63 - 1, 2**63, 10**19])
def test_nothing_follows_a_number_that_no_event_can_have(since):
    fill("a")
    assert log.read("graph:1", since) == []
