"""``python -m crewops.welcome``: waits until the stack is ready, then prints where to go."""

import json
import logging
import os
import sys
import time
import urllib.request
from typing import Any

from django.conf import settings
from django.utils.log import configure_logging

TIMEOUT_S = 60.0
POLL_S = 0.1

logger = logging.getLogger("crewops.welcome")


def main() -> None:
    """Print the welcome. Exits with status 1 if the stack is not ready in time."""
    configure_logging(
        settings.LOGGING_CONFIG, settings.LOGGING
    )  # without models and apps, so that it starts quickly
    address = f"http://localhost:{settings.PORT}"
    began = float(os.environ.get("STACK_BEGAN", time.time()))
    deadline = time.monotonic() + TIMEOUT_S
    while not _is_ready(began):
        if time.monotonic() > deadline:
            sys.exit(
                f"{address} is not ready after {TIMEOUT_S:g} s. The log above and "
                f"{address}/readyz say what is missing."
            )
        time.sleep(POLL_S)
    if settings.LOG_FORMAT == "json":
        logger.info("CrewOps is ready: %s", address)
    else:
        print(_welcome(address), flush=True)


def _is_ready(began: float) -> bool:
    """Whether the web process responds, and a worker reported after the stack began (Unix time).

    A worker that was killed before then still counts as alive for a while.
    """
    heard_s_ago = _parts().get("worker", {}).get("heard_s_ago")
    return heard_s_ago is not None and heard_s_ago < time.time() - began


def _parts() -> dict[str, Any]:
    """Each part of the ``/readyz`` response; empty if the web process does not respond."""
    address = "127.0.0.1" if settings.HOST == "0.0.0.0" else settings.HOST
    host = settings.ALLOWED_HOSTS[0].lstrip(".")
    request = urllib.request.Request(
        f"http://{address}:{settings.PORT}/readyz?quiet",
        headers={"Host": "localhost" if host == "*" else host},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)["parts"]
    except OSError:
        return {}


def _welcome(address: str) -> str:
    lines = [f"CrewOps is ready: {address}"]
    if settings.DEBUG:
        lines += [
            f"Sign in as acme-operator with password {settings.DEMO_PASSWORD}, "
            "then press Start run.",
            "Others, same password: acme-viewer, acme-admin, globex-admin, admin (everything).",
        ]
    lines.append("Ctrl-C ends everything.")
    width = max(map(len, lines))
    edge = "+-" + "-" * width + "-+"
    return "\n".join(["", edge, *(f"| {line:{width}} |" for line in lines), edge, ""])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    main()
