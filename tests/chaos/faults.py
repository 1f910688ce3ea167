"""What goes wrong in a storm, and what it hit."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings

from crewops.redis import server_command, socket_path
from tests.chaos.proxy import Mode, Proxy
from tests.live import Web, eventually


@dataclass(frozen=True)
class Strike:
    """A fault and its traffic: one that hit none does not count."""

    fault: str
    held_s: float
    sockets: int  # open when it struck: at that web process, or at all of them
    missing: int  # events committed and not yet at their clients when it struck, over all clients
    committed: int  # events committed between the strike and the healing
    dropped: int  # connections that ended meanwhile, not by the client's own cut
    late_s: float  # of the events that clients were connected for, the longest on its way
    healed_s: float  # from its end until every client had what was committed at its end

    def __str__(self) -> str:
        return (
            f"{self.fault:18} held {self.held_s:4.1f} s, {self.sockets:3} sockets, "
            f"{self.missing:4} deliveries under way, {self.committed:3} events committed, "
            f"{self.dropped:3} connections lost, at most {self.late_s:4.2f} s late, "
            f"healed in {self.healed_s:4.1f} s"
        )


class RedisServer:
    """A Redis of the storm's own, and the proxy through which everybody else reaches it."""

    def __init__(self, directory: Path) -> None:
        self._command = server_command(directory)
        path = socket_path(directory)
        self._client = redis.Redis.from_url(f"unix://{path}", socket_timeout=5)
        self.start()
        self.proxy = Proxy(path.with_suffix(".proxy"), path).start()
        self.url = self.proxy.url

    def start(self) -> None:
        self._popen = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def freeze(self) -> None:
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._popen.send_signal(signal.SIGCONT)

    def subscriptions(self) -> int:
        return len(self._client.client_list(_type="pubsub"))

    def fill(self) -> None:
        """Let it take nothing more, as where ``maxmemory`` is reached and nothing is evicted."""
        self._client.config_set("maxmemory", 1)

    def empty(self) -> None:
        self._client.config_set("maxmemory", 0)

    def cut_subscriptions(self) -> int:
        return self._client.client_kill_filter(_type="pubsub")

    def waiting(self, queue: str) -> int:
        """Messages that no worker has fetched from a queue."""
        return self._client.llen(f"{settings.REDIS_PREFIX}{queue}")

    def flush(self) -> None:
        self._client.flushall()

    def stop(self) -> None:
        self.proxy.stop()
        self._client.close()
        self._popen.kill()
        self._popen.wait()

    def _answers(self) -> bool:
        try:
            return self._client.ping()
        except redis.ConnectionError:
            return False


class Fleet:
    """The web processes; ``ports`` is what clients connect to."""

    def __init__(self, size: int, **variables: str) -> None:
        self._variables = variables
        self._webs = [Web(**variables) for _ in range(size)]
        self.ports = [web.port for web in self._webs]

    def end(self, number: int, how: int) -> None:
        """End one process; its port stays in the list, and refuses."""
        self._webs[number].stop(how)

    def replace(self, number: int) -> None:
        self._webs[number] = Web(**self._variables)
        self.ports[number] = self._webs[number].port

    def stop(self) -> None:
        for web in self._webs:
            web.stop(signal.SIGKILL)


@dataclass(frozen=True)
class Fault:
    """``strike`` once ``ready``, held for up to ``hold_s`` seconds, then ``mend``."""

    name: str
    hold_s: tuple[float, float]
    strike: Callable[[], object]
    mend: Callable[[], object] = lambda: None
    web: int | None = None  # the process it hits
    ready: Callable[[], bool] = lambda: True  # whether what it hits is there


def faults(redis_server: RedisServer, fleet: Fleet) -> list[Fault]:
    def subscribed() -> bool:
        """Whether no web process is still on its way back from the fault before."""
        return redis_server.subscriptions() >= len(fleet.ports)

    def cut() -> None:
        assert redis_server.cut_subscriptions() >= len(fleet.ports)

    def kill(web: int) -> Fault:
        return Fault(
            f"web {web}: kill -9",
            (0.5, 1.5),
            lambda: fleet.end(web, signal.SIGKILL),
            lambda: fleet.replace(web),
            web,
        )

    def terminate(web: int) -> Fault:
        return Fault(
            f"web {web}: SIGTERM",
            (0.0, 0.5),
            lambda: fleet.end(web, signal.SIGTERM),
            lambda: fleet.replace(web),
            web,
        )

    def between(mode: Mode, hold_s: tuple[float, float]) -> Fault:
        set_mode = redis_server.proxy.set
        return Fault(f"Redis: {mode}", hold_s, lambda: set_mode(mode), lambda: set_mode("ok"))

    return [
        Fault("Redis: kill -9", (1.0, 2.5), redis_server.kill, redis_server.start),
        Fault("Redis: SIGSTOP", (1.0, 5.0), redis_server.freeze, redis_server.thaw),
        Fault("Redis: CLIENT KILL", (0.3, 0.6), cut, ready=subscribed),
        Fault("Redis: FLUSHALL", (0.3, 0.6), redis_server.flush),
        between("blackhole", (1.0, 5.0)),
        between("reset", (0.5, 2.0)),
        between("deaf", (1.0, 6.0)),
        kill(0),
        terminate(1),
    ]
