"""The web process: ``python -m crewops.web`` runs uvicorn with our WebSocket protocol.

``HOST``, ``PORT`` and ``WEB_CONCURRENCY`` (processes) come from the environment. Where standard input
is a listening socket, as it is under `supervisord.conf`, one process serves that socket instead.
"""

import os
import resource
import socket
import stat
import sys

# crewops.request_head bounds heads before websockets reads them again, with bounds of its own: 128
# headers, 8 KiB a line. It takes these from the environment when it is first imported.
for bound in ("WEBSOCKETS_MAX_NUM_HEADERS", "WEBSOCKETS_MAX_LINE_LENGTH"):
    os.environ.setdefault(bound, str(128 * 1024))  # more than a head may have, and never reached

import django  # noqa: E402
import uvicorn  # noqa: E402
from django.conf import settings  # noqa: E402

APPLICATION = "crewops.asgi:application"
INBOUND_LIMIT = 64 * 1024  # bytes; beyond it the server closes 1009, from 16 KiB on we say why
PING_S = 40.0  # a peer that is gone without a word is found within twice this
GRACE_S = 10  # seconds that requests under way get when the process is asked to stop
OPTIONS = {
    "http": "crewops.http_protocol:HttpProtocol",
    "ws": "realtime.server:FrameProtocol",
    "ws_max_size": INBOUND_LIMIT,
    "ws_ping_interval": PING_S,
    "ws_ping_timeout": PING_S,
    "ws_per_message_deflate": False,  # a prepared frame is the same for all; and see CRIME
    "access_log": False,  # it would log query strings
    "log_config": None,  # Django's logging is in force
    "lifespan": "off",
    "timeout_graceful_shutdown": GRACE_S,
}


def main() -> None:
    allow_open_files()
    options = OPTIONS | {"forwarded_allow_ips": settings.TRUSTED_PROXIES}
    if listener := _given_socket():
        config = uvicorn.Config(APPLICATION, workers=1, **options)
        config.load_app()
        uvicorn.Server(config).run(sockets=[listener])
    else:
        uvicorn.run(
            APPLICATION,
            host=os.environ.get("HOST", "127.0.0.1"),
            port=int(os.environ.get("PORT", "8000")),
            workers=int(os.environ.get("WEB_CONCURRENCY", "1")),
            **options,
        )


def allow_open_files() -> None:
    """As many as the system lets us: each socket is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _given_socket() -> socket.socket | None:
    """Standard input, where it is a listening socket."""
    if not sys.stdin or not stat.S_ISSOCK(os.fstat(0).st_mode):
        return None
    given = socket.socket(fileno=os.dup(0))  # finds out the family: uvicorn's --fd assumes AF_UNIX
    if given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return given
    given.close()
    return None


# Where several processes are asked for, `__main__` only watches them, and would log in a form of its
# own; the others are spawned, and their protocols need the models before the application is loaded.
if __name__ in ("__main__", "__mp_main__"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    django.setup()

if __name__ == "__main__":
    main()
