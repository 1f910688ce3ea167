"""The garbage collector stays out of the way, and still finds what nobody needs."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from crewops import gc_tuning


class Ring:
    """Refers to itself, so only a collection ends it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    gc_tuning.freeze_objects()
    yield
    gc.unfreeze()


def test_what_has_outlived_a_full_collection_is_not_looked_at_again():
    kept = [[number] for number in range(10_000)]
    gc.collect()
    looked_at = len(gc.get_objects())
    assert gc.get_freeze_count() > len(kept) > looked_at


def test_what_is_frozen_goes_with_its_last_reference():
    kept = Ring()
    gone = weakref.ref(kept)
    gc.collect()
    del kept.self, kept
    assert gone() is None


def test_what_refers_to_itself_goes_with_the_next_collection_of_everything(monkeypatch):
    kept = Ring()
    gone = weakref.ref(kept)
    gc.collect()
    del kept
    gc.collect()
    assert gone() is not None
    monkeypatch.setattr(gc_tuning, "FULL_COLLECTION_S", 0.0)
    gc.collect()
    assert gone() is None


def test_to_settle_again_adds_nothing():
    gc_tuning.freeze_objects()
    assert gc.callbacks.count(gc_tuning._on_collection) == 1
