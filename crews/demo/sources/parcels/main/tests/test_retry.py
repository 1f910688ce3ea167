import time

import pytest

from parcels.retry import Unreachable, ask


class Carrier:
    """Answers after ``failures`` failures."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked_at: list[float] = []

    def __call__(self) -> str:
        self.asked_at.append(time.monotonic())
        if len(self.asked_at) <= self.failures:
            raise Unreachable
        return "on its way"


def test_an_answer_is_not_asked_for_twice():
    carrier = Carrier(failures=0)
    assert ask(carrier) == "on its way"
    assert len(carrier.asked_at) == 1


def test_the_pause_doubles():
    carrier = Carrier(failures=2)
    assert ask(carrier, pause_s=0.4) == "on its way"
    first, second, third = carrier.asked_at
    assert second - first >= 0.4
    assert third - second >= 0.8


def test_the_last_failure_is_told():
    carrier = Carrier(failures=9)
    with pytest.raises(Unreachable):
        ask(carrier, pause_s=0.3)
    assert len(carrier.asked_at) == 3
