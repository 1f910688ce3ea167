"""``python -m crewops.welcome``: waits until the stack is ready, then says where to go."""

import logging
import os
import sys
import time
import urllib.request
from datetime import datetime

import django
from django.conf import settings

PATIENCE_S = 60.0
POLL_S = 0.25

logger = logging.getLogger("crewops.welcome")


def main() -> None:
    """Print the welcome; exits with status 1 where the stack is not ready in time."""
    django.setup()
    address = f"http://localhost:{settings.PORT}"
    deadline = time.monotonic() + PATIENCE_S
    before = _heartbeats()  # maybe of a worker that was killed
    while not (_web_answers() and _heartbeats() - before):
        if time.monotonic() > deadline:
            sys.exit(
                f"{address} is not ready after {PATIENCE_S:g} s. The log above and "
                f"{address}/readyz say what is missing."
            )
        time.sleep(POLL_S)
    if settings.LOG_FORMAT == "json":
        logger.info("CrewOps is ready: %s", address)
    else:
        print(_welcome(address), flush=True)


def _web_answers() -> bool:
    address = "127.0.0.1" if settings.HOST == "0.0.0.0" else settings.HOST
    host = settings.ALLOWED_HOSTS[0].lstrip(".")
    request = urllib.request.Request(
        f"http://{address}:{settings.PORT}/healthz",
        headers={"Host": "localhost" if host == "*" else host},
    )
    try:
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def _heartbeats() -> set[tuple[str, datetime]]:
    """``(worker, when it was last heard from)`` of the workers that count as alive."""
    from runs.models import Worker

    return set(Worker.objects.alive().values_list("name", "last_seen"))


def _welcome(address: str) -> str:
    lines = [f"CrewOps is ready: {address}"]
    if settings.DEBUG:
        lines += [
            f"Sign in as acme-operator with password {settings.DEMO_PASSWORD}, then press Start run.",
            "Others, same password: acme-viewer, acme-admin, globex-admin, admin (everything).",
        ]
    lines.append("Ctrl-C ends everything.")
    width = max(map(len, lines))
    edge = "+-" + "-" * width + "-+"
    return "\n".join(["", edge, *(f"| {line:{width}} |" for line in lines), edge, ""])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    main()
