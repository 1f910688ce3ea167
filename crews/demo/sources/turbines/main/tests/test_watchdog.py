import threading
import time

from turbines.watchdog import Watchdog


def test_silence_raises_the_alarm():
    alarm = threading.Event()
    Watchdog(alarm.set, patience_s=0.7)
    assert alarm.wait(30)


def test_the_alarm_is_not_raised_early():
    raised_at = []
    alarm = threading.Event()

    def ring():
        raised_at.append(time.monotonic())
        alarm.set()

    begun = time.monotonic()
    Watchdog(ring, patience_s=1.2)
    alarm.wait(30)
    assert raised_at[0] - begun >= 1.2


def test_readings_put_the_alarm_off():
    alarm = threading.Event()
    watchdog = Watchdog(alarm.set, patience_s=30)
    for _ in range(4):
        time.sleep(0.3)
        watchdog.feed()
    assert not alarm.is_set()
    watchdog.stop()


def test_a_stopped_watchdog_is_silent():
    alarm = threading.Event()
    Watchdog(alarm.set, patience_s=0.5).stop()
    assert not alarm.wait(0.9)
