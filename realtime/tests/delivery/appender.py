"""``python -m realtime.tests.delivery.appender``: a writer that waits before each commit."""

import argparse
import os
import random
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.db import transaction  # noqa: E402

from realtime import log  # noqa: E402
from runs.events.kinds import TaskStart  # noqa: E402
from tests.events import sample  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stream", required=True)
    parser.add_argument("--writer", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--pause-ms", type=float, required=True, help="at most, before a commit")
    given = parser.parse_args()
    rng = random.Random(given.writer)
    for number in range(given.count):
        with transaction.atomic():
            event = sample(TaskStart, agent_id=str(given.writer), task_id=str(number))
            log.append(given.stream, [event])
            time.sleep(rng.uniform(0, given.pause_ms) / 1000)


if __name__ == "__main__":
    main()
