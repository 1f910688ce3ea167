"""System checks of the settings that belong together."""

import pytest

from runs import checks


@pytest.mark.parametrize(
    ("heartbeat", "limit"),
    [("RUN_HEARTBEAT_S", "RUN_LEASE_S"), ("WORKER_HEARTBEAT_S", "WORKER_ALIVE_S")],
)
def test_heartbeats_come_at_least_twice_in_the_time_that_one_lasts(settings, heartbeat, limit):
    assert checks.heartbeats_are_frequent_enough() == []
    setattr(settings, limit, 10.0)
    setattr(settings, heartbeat, 5.0)
    assert checks.heartbeats_are_frequent_enough() == []
    setattr(settings, heartbeat, 5.5)
    (error,) = checks.heartbeats_are_frequent_enough()
    assert error.id == "runs.E002"
    assert f"{heartbeat} is 5.5 s, more than half of {limit}, which is 10 s" in error.msg
