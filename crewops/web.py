"""The web process: ``python -m crewops.web`` runs uvicorn with our WebSocket protocol.

``HOST``, ``PORT`` and ``WEB_CONCURRENCY`` (processes) come from the environment.
"""

import os

import uvicorn

INBOUND_LIMIT = 64 * 1024  # bytes; beyond it the server closes 1009, from 16 KiB on we say why
PING_S = 40.0  # a peer that is gone without a word is found within twice this
GRACE_S = 10  # seconds that requests under way get when the process is asked to stop


def main() -> None:
    uvicorn.run(
        "crewops.asgi:application",
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        workers=int(os.environ.get("WEB_CONCURRENCY", "1")),
        ws="realtime.server:FrameProtocol",
        ws_max_size=INBOUND_LIMIT,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # a prepared frame is the same for all; and see CRIME
        access_log=False,  # it would log query strings
        log_config=None,  # Django's logging is in force
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main()
