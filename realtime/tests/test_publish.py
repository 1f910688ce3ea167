"""Publishing while Redis fails: the cost for a writer, and that it recovers."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
import redis

from crewops.redis import server_command, socket_path
from realtime.log import Entry
from realtime.log.publish import on_commit
from realtime.redis_circuit_breaker import OPEN_S, TIMEOUT_S, QuickRedis
from tests.chaos.proxy import Proxy
from tests.live import eventually

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 100
SLACK_S = 0.5  # a busy machine's own; to wait for each event would take 5 s
BACK_S = 3 * OPEN_S  # a busy machine may miss a trial


class Broken:
    """A Redis behind a proxy, and ways to break it."""

    def __init__(self, directory) -> None:
        self._command = server_command(directory)
        path = socket_path(directory)
        self.url = f"unix://{path}"
        self.redis = redis.Redis.from_url(self.url)
        self.start()
        self.proxy = Proxy(path.with_suffix(".proxy"), path).start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.proxy.stop()
        self.redis.close()
        self.kill()

    def _answers(self) -> bool:
        try:
            return self.redis.ping()
        except redis.ConnectionError:
            return False


FAULTS: dict[str, tuple[Callable[[Broken], object], Callable[[Broken], object]]] = {
    "hung": (
        lambda broken: broken.process.send_signal(signal.SIGSTOP),
        lambda broken: broken.process.send_signal(signal.SIGCONT),
    ),
    "gone": (Broken.kill, Broken.start),
    "blackhole": (
        lambda broken: broken.proxy.set("blackhole"),
        lambda broken: broken.proxy.set("ok"),
    ),
    "reset": (lambda broken: broken.proxy.set("reset"), lambda broken: broken.proxy.set("ok")),
    "deaf": (lambda broken: broken.proxy.set("deaf"), lambda broken: broken.proxy.set("ok")),
}


@pytest.fixture
def broken(tmp_path) -> Iterator[Broken]:
    broken = Broken(tmp_path)
    yield broken
    broken.close()


@pytest.fixture
def through(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Publishes through a Redis at that URL from now on."""
    made = ExitStack()

    def go(url: str) -> None:
        monkeypatch.setattr("realtime.redis_circuit_breaker.TIMEOUT_S", TIMEOUT_S)
        quick = made.enter_context(closing(QuickRedis(url)))
        monkeypatch.setattr("realtime.log.publish.quick_redis", lambda: quick)

    with made:
        yield go


def publish(seq: int) -> float:
    """One event, outside a transaction; the seconds it took."""
    begun = time.monotonic()
    on_commit("run:x", [Entry(seq, "task_start", f'{{"seq":{seq}}}')])
    return time.monotonic() - begun


def receives_again(pubsub: redis.client.PubSub) -> bool:
    publish(EVENTS)
    published = pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
    return bool(published) and published["data"] == b'{"seq":%d}' % EVENTS


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_a_writer_one_timeout(broken, through, fault, connected):
    through(broken.url if fault in ("hung", "gone") else broken.proxy.url)
    if connected:
        publish(0)
    strike, mend = FAULTS[fault]
    strike(broken)
    took = [publish(seq) for seq in range(EVENTS)]
    assert sum(took) < TIMEOUT_S + SLACK_S
    assert sum(seconds > TIMEOUT_S / 2 for seconds in took) <= 2  # one is a busy machine's
    mend(broken)
    with broken.redis.pubsub() as pubsub:
        pubsub.subscribe("run:x")
        pubsub.get_message(timeout=30)
        assert eventually(lambda: receives_again(pubsub), BACK_S)


def test_control_without_the_circuit_every_event_waits(broken, through, monkeypatch):
    monkeypatch.setattr("realtime.redis_circuit_breaker.OPEN_S", 0.0)
    through(broken.url)
    FAULTS["hung"][0](broken)
    assert sum(publish(seq) for seq in range(10)) >= 10 * TIMEOUT_S
    FAULTS["hung"][1](broken)
