"""Nobody waits for a message that cannot arrive."""

import asyncio
import threading
import time
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client import follow
from crewops_client import reporter as reporters
from crewops_client.reporter import Reporter
from crewops_client.settings import Settings


def switched_off(make: Any, patch: Any) -> Reporter:
    return Reporter(Settings(disabled=True))


def without_url(make: Any, patch: Any) -> Reporter:
    return Reporter(Settings())


def without_controls(make: Any, patch: Any) -> Reporter:
    return make(controls=False)


def without_sockets(make: Any, patch: Any) -> Reporter:
    patch.setattr(follow.importlib.util, "find_spec", lambda name: None)
    return make()


def one_run_too_many(make: Any, patch: Any) -> Reporter:
    patch.setattr(follow, "FOLLOWED_AT_MOST", 0)
    return make()


def joined(make: Any, patch: Any) -> Reporter:
    patch.setenv("CREWOPS_RUN", '{"run": "r", "crew": "release-crew"}')
    return make()


CASES = [
    switched_off, without_url, without_controls, without_sockets, one_run_too_many, joined,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_where_no_message_can_arrive_nothing_waits(make, monkeypatch, case):
    monkeypatch.setattr(reporters, "_current", case(make, monkeypatch))
    began = time.monotonic()
    with crewops.run("release-crew") as run:
        assert run.messages().get(5) is None
        assert asyncio.run(run.messages().aget(5)) is None
    assert time.monotonic() - began < 4


def test_the_end_of_the_run_ends_the_waiting(reporter: Reporter):
    run = crewops.run("release-crew")
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(run.messages().get(20)), daemon=True)
    thread.start()
    time.sleep(0.05)
    run.end()
    thread.join(5)
    assert got == [None]
