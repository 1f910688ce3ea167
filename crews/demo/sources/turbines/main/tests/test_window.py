import time

import pytest

from turbines.window import Window


@pytest.mark.parametrize(
    ("readings", "mean"), [([4.0], 4.0), ([1.0, 2.0, 6.0], 3.0), ([-5.0, 5.0], 0.0)]
)
def test_the_mean_is_of_all_recent_readings(readings, mean):
    window = Window(length_s=60)
    for reading in readings:
        window.add(reading)
    assert window.mean() == mean


def test_there_is_no_mean_of_nothing():
    assert Window(length_s=60).mean() is None


def test_old_readings_are_forgotten():
    window = Window(length_s=0.8)
    window.add(100.0)
    time.sleep(0.9)
    assert window.mean() is None
