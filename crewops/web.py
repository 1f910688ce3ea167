"""The web process: ``python -m crewops.web`` runs uvicorn with our WebSocket protocol.

``HOST``, ``PORT`` and ``WEB_CONCURRENCY`` (processes) come from the settings. If standard input
is a listening socket, as under `supervisord.conf`, one process serves that socket instead.
"""

import asyncio
import os
import resource
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from types import FrameType

# crewops.request_head limits heads before websockets parses them again with its own limits: 128
# headers, 8 KiB a line. websockets reads these from the environment at its first import.
for bound in ("WEBSOCKETS_MAX_NUM_HEADERS", "WEBSOCKETS_MAX_LINE_LENGTH"):
    os.environ.setdefault(bound, str(128 * 1024))  # more than a head may have, so never reached

import django  # noqa: E402
import uvicorn  # noqa: E402
from django.conf import settings  # noqa: E402
from uvicorn.config import STARTUP_FAILURE  # noqa: E402
from uvicorn.supervisors import multiprocess  # noqa: E402

from realtime.delivery.ticks import tick  # noqa: E402

APPLICATION = "crewops.asgi:application"
# bytes. Above it the server closes with 1009; from 16 KiB on our close gives the reason.
INBOUND_LIMIT = 64 * 1024
TICK_S = 1.0  # seconds between two looks at whether the process must exit
PING_S = 40.0  # seconds; a peer that is silently gone is detected within twice this
GRACE_S = 10  # seconds for requests in progress when the process is asked to stop
# seconds. With several processes, uvicorn kills one that does not answer its health check. A
# process answers once it has imported Django, which takes over uvicorn's 5 s on a busy machine: it
# would be killed and started again without end.
HUNG_S = 60
OPTIONS = {
    "http": "crewops.uvicorn_http:HttpProtocol",
    "ws": "realtime.servers.uvicorn_ws:FrameProtocol",
    "ws_max_size": INBOUND_LIMIT,
    "ws_ping_interval": PING_S,
    "ws_ping_timeout": PING_S,
    "access_log": False,  # it would log query strings
    "log_config": None,  # Django's logging applies
    "lifespan": "off",
    "timeout_graceful_shutdown": GRACE_S,
    "timeout_worker_healthcheck": HUNG_S,
}


class WebServer(uvicorn.Server):
    """Wakes once a second, not ten times, to renew the date header and to see whether it must exit.

    To wake an idle process costs 0.2 ms of a core, as much as ten deliveries. A signal ends the
    wait.
    """

    _wake: Callable[[], object] | None = None

    async def main_loop(self) -> None:
        exits = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, exits.set)
        while not await self.on_tick(0):
            await tick(TICK_S, exits)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._wake:
            self._wake()


class WebProcess(multiprocess.Process):
    """One of several processes. A health check that waits for it ends when the process ends.

    uvicorn 0.54 keeps the process's end of the pipe open in the supervisor, too. So a check that
    was waiting when the process was killed waited for all of ``HUNG_S`` before it was replaced.
    """

    @cached_property
    def server(self) -> WebServer:
        return WebServer(self.config)

    def start(self) -> None:
        super().start()
        self.child_conn.close()


def main() -> None:
    allow_open_files()
    options = OPTIONS | {
        "forwarded_allow_ips": settings.TRUSTED_PROXIES,
        "ws_per_message_deflate": settings.REALTIME_COMPRESSION,
    }
    if listener := _given_socket():
        _serve(uvicorn.Config(APPLICATION, workers=1, **options), [listener])
        return
    options |= {"host": settings.HOST, "port": settings.PORT}
    if settings.WEB_CONCURRENCY > 1:
        multiprocess.Process = WebProcess
        uvicorn.run(APPLICATION, workers=settings.WEB_CONCURRENCY, **options)
    else:
        _serve(uvicorn.Config(APPLICATION, workers=1, **options))


def _serve(config: uvicorn.Config, sockets: list[socket.socket] | None = None) -> None:
    config.load_app()
    server = WebServer(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def allow_open_files() -> None:
    """Raise the limit of open files as far as the system allows: each socket is one file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _given_socket() -> socket.socket | None:
    """Standard input, if it is a listening socket."""
    if not sys.stdin or not stat.S_ISSOCK(os.fstat(0).st_mode):
        return None
    given = socket.socket(fileno=os.dup(0))  # detects the family; uvicorn's --fd assumes AF_UNIX
    if given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return given
    given.close()
    return None


# With several processes `__main__` only supervises them, and would log in its own format. The
# others are spawned, and their protocols need the models before the application is loaded.
if __name__ in ("__main__", "__mp_main__"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    django.setup()

if __name__ == "__main__":
    main()
