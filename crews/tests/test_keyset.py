"""Pages that begin after a row: none is left out and none comes twice, in both directions."""

from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from crews.keyset import KeysetPage
from crews.models import AuditEntry
from crews.models.audit_entry import Kind

NEWEST = ("-created_at", "-id")


def page(**query: str) -> KeysetPage:
    rows = AuditEntry.objects.unscoped().filter(kind=Kind.TRAIL_PRUNED)
    return KeysetPage(rows, QueryDict(urlencode(query)), ordering=NEWEST, size=2)


@pytest.fixture
def newest(db) -> list[int]:
    entries = [AuditEntry.objects.record(Kind.TRAIL_PRUNED, name=str(n)) for n in range(5)]
    return [entry.pk for entry in reversed(entries)]


def ids(page: KeysetPage) -> list[int]:
    return [entry.pk for entry in page]


def test_pages_lead_to_the_last_row_and_back(newest):
    first = page()
    second = page(after=first.older)
    last = page(after=second.older)
    assert [ids(first), ids(second), ids(last)] == [newest[:2], newest[2:4], newest[4:]]
    assert (first.newer, last.older) == ("", "")
    back = page(before=last.newer)
    assert ids(back) == newest[2:4]
    assert ids(page(before=back.newer)) == newest[:2]
    assert page(before=back.newer).newer == ""


def test_a_row_that_comes_meanwhile_moves_nothing_to_another_page(newest):
    older = page().older
    AuditEntry.objects.record(Kind.TRAIL_PRUNED, name="new")
    assert ids(page(after=older)) == newest[2:4]


@pytest.mark.parametrize("place", ["", "x", "WyIyMDIwIiwgIjEiXQ:1:x"])
def test_a_place_that_no_page_gave_is_the_first_page(newest, place):
    assert ids(page(after=place)) == ids(page(before=place)) == newest[:2]
