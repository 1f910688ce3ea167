import time

from parcels.limiter import Limiter


def test_a_burst_goes_out_at_once_and_no_more():
    limiter = Limiter(rate=0.1, burst=3)
    assert [limiter.allow() for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_with_time():
    limiter = Limiter(rate=1.25, burst=1)
    assert limiter.allow()
    time.sleep(1)
    assert limiter.allow()


def test_waiting_keeps_the_rate():
    limiter = Limiter(rate=4, burst=1)
    waited = sum(limiter.wait() for _ in range(5))
    assert waited >= 0.9
