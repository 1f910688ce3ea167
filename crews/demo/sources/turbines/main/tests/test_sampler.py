import time

from turbines.sampler import samples


def test_every_reading_is_handed_on():
    sensor = iter([3.0, 1.0, 2.0])
    assert list(samples(lambda: next(sensor), count=3, every_s=0.2)) == [3.0, 1.0, 2.0]


def test_readings_come_at_a_steady_pace():
    begun = time.monotonic()
    assert len(list(samples(lambda: 1.0, count=6, every_s=0.25))) == 6
    assert time.monotonic() - begun >= 1.25


def test_the_first_reading_comes_at_once():
    readings = samples(lambda: 7.0, count=2, every_s=3600)
    assert next(readings) == 7.0
