"""``python -m crewops.maintenance begin|end``: disconnect a running stack from its database.

`end` starts it again. Between begin and end no process of the stack holds a connection, as a
restore of PostgreSQL requires. The private Redis keeps running. Stop the processes of every other
stack or machine there.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from django.conf import settings

from crewops import stale_processes
from realtime.terminal import address

FILE = "maintenance"  # exists in the data directory from begin to end
STOPPED = ("web", "worker", "scheduler")  # groups of supervisord.conf
TIMEOUT_S = 60.0
POLL_S = 0.1


def is_on(var_dir: Path) -> bool:
    return (var_dir / FILE).exists()


def at_work(var_dir: Path) -> list[str]:
    """The running programs that may hold a connection to the database."""
    return [
        name for name in stale_processes.running(var_dir) if name.rstrip("0123456789") in STOPPED
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m crewops.maintenance", description=__doc__)
    parser.add_argument("what", choices=["begin", "end"])
    begins = parser.parse_args(arguments).what == "begin"
    var_dir = settings.VAR_DIR
    if not address.running(var_dir):
        (var_dir / FILE).unlink(missing_ok=True)
        sys.exit(f"No stack runs on the data in {var_dir}, so there is nothing to stop or start.")
    if begins:
        (var_dir / FILE).touch()
    else:
        (var_dir / FILE).unlink(missing_ok=True)
    deadline = time.monotonic() + TIMEOUT_S
    while bool(at_work(var_dir)) == begins:
        if time.monotonic() > deadline:
            sys.exit(f"After {TIMEOUT_S:g} s the stack has not followed. Its log says more.")
        time.sleep(POLL_S)
    print("Web, worker and scheduler are stopped." if begins else "They start again.")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    main(sys.argv[1:])
