"""``python -m realtime.tests.delivery.appender``: a writer that waits before each commit."""

import argparse
import os
import random
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402

from realtime import log  # noqa: E402
from runs.events.kinds import TaskStart  # noqa: E402
from tests.events import sample  # noqa: E402

NUMBERED = "numbered_rows"  # the table of the control, whose ids an autoincrement column gives


def append_event(stream: str, writer: int, number: int) -> None:
    log.append(stream, [sample(TaskStart, agent_id=str(writer), task_id=str(number))])


def insert_row(stream: str, writer: int, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {NUMBERED} (writer, number) VALUES (%s, %s)", [writer, number])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stream", required=True)
    parser.add_argument("--writer", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--pause-ms", type=float, required=True, help="at most, before a commit")
    parser.add_argument("--autoincrement", action="store_true", help="the control")
    given = parser.parse_args()
    rng = random.Random(given.writer)
    write = insert_row if given.autoincrement else append_event
    for number in range(given.count):
        with transaction.atomic():
            write(given.stream, given.writer, number)
            time.sleep(rng.uniform(0, given.pause_ms) / 1000)


if __name__ == "__main__":
    main()
