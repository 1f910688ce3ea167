"""A web process is taken out of service while another goes on, as in an upgrade: nobody loses a
place.

The short form. ``make chaos`` has a thousand clients (``DRAIN_CLIENTS``).
"""

import json
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from realtime.log import position, streams
from realtime.terminal import client as terminal
from realtime.tests.sockets.helpers import work
from runs.models import Run
from tests import plain_http
from tests.live import Process, eventually

CLIENTS = int(os.environ.get("DRAIN_CLIENTS", "40"))
BACK_S = 15.0
MOST = 0.25  # of the clients within one second
SEED = 3  # the moments they choose are the same each time

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The port that the processes share, as the supervisor holds it."""
    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as held:
        yield held


class Watcher(threading.Thread):
    """A terminal client on the run, from its boot to its done."""

    def __init__(self, port: int, run: Run, token: str) -> None:
        super().__init__(daemon=True)
        self.seqs: list[int] = []
        self.greeted: list[float] = []  # when each of its connections was
        self.notes: list[str] = []
        url = f"ws://127.0.0.1:{port}/ws/runs/{run.pk}"
        self._client = terminal.Client(url, token=lambda: token, note=self.notes.append)

    def run(self) -> None:
        for frame in map(json.loads, self._client.frames()):
            if frame["type"] == "hello":
                self.greeted.append(time.monotonic())
            elif "seq" in frame:
                self.seqs.append(frame["seq"])


def start(listener: socket.socket) -> Process:
    limits = dict.fromkeys(("SOCKETS_PER_USER", "SOCKETS_PER_ADDRESS"), str(2 * CLIENTS))
    return Process("-m", "crewops.web", stdin=listener, LOG_LEVEL="DEBUG", **limits)


def answered(web: Process, port: int) -> bool:
    """Whether it was this process that a request came to, of those that share the port."""
    plain_http.get(f"http://127.0.0.1:{port}/healthz", timeout=30)  # the first waits for its start
    return "GET /healthz 200" in web.log.read_text()


def drain(listener: socket.socket, acme, run: Run) -> tuple[list[Watcher], list[float]]:
    """Let one of two processes end under its clients; each client, and after how long each was
    back.
    """
    port = listener.getsockname()[1]
    token = str(AccessToken.for_user(acme.viewer))
    random.seed(SEED)
    with ExitStack() as stack:
        old = start(listener)
        stack.callback(old.stop)
        eventually(lambda: answered(old, port), within_s=30)
        watchers = [Watcher(port, run, token) for _ in range(CLIENTS)]
        for watcher in watchers:
            watcher.start()
        eventually(lambda: all(watcher.seqs for watcher in watchers), within_s=30)
        new = start(listener)
        stack.callback(new.stop)
        eventually(lambda: answered(new, port), within_s=30)
        first, second = run.plan["tasks"]
        ended = time.monotonic()
        old.stop()
        work(run, first)
        eventually(lambda: all(len(w.greeted) == 2 for w in watchers), within_s=BACK_S)
        work(run, second)
        run.finish("succeeded")
        for watcher in watchers:
            watcher.join(10)
            assert not watcher.is_alive()
    return watchers, [watcher.greeted[1] - ended for watcher in watchers]


def most_within_a_second(delays: list[float]) -> float:
    """The largest share of the clients that came back in one second."""
    return max(Counter(map(int, delays)).values()) / len(delays)


def test_everybody_is_back_in_time_not_all_at_once_and_has_missed_nothing(listener, acme):
    run = acme.start_run()
    watchers, delays = drain(listener, acme, run)
    head = position(streams.run(run.pk)).head
    for watcher in watchers:
        assert watcher.seqs == list(range(1, head + 1))
        assert watcher.notes[0].startswith("Connection lost (1012)")
        assert len(watcher.notes) == 1
    assert max(delays) < BACK_S
    assert most_within_a_second(delays) <= MOST


def test_with_less_of_a_spread_they_would_come_all_at_once(listener, acme, monkeypatch):
    monkeypatch.setattr(terminal, "RESTART_SPREAD_S", 1.0)
    _, delays = drain(listener, acme, acme.start_run())
    assert most_within_a_second(delays) > MOST
