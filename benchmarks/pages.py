"""``python -m benchmarks.pages --runs N [--big]``: fills the database, then answers for its pages.

A line of its input names a route; it asks for that page through Django's test client and prints
what the page cost as one line of JSON.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402

from tests.large_database import Grown, add_big_run, grow  # noqa: E402
from tests.plans import queries, rows_read  # noqa: E402
from tests.query_budget import admin_pages, client_for, complete, pages  # noqa: E402

METRICS_TOKEN = "a token of Prometheus"
EXPECTED = {"/readyz": (200, 503)}  # the worker is a row without a process


def fill(runs: int, *, big: bool) -> Grown:
    # The one big run is the newest of four, and the pages of one record are of a small run.
    with transaction.atomic():
        grown = grow(runs - big)
        complete(grown)
        if big:
            add_big_run(grown)
    return grown


def get(client: Client, path: str) -> int:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"} if path == "/metrics" else {}
    answer = client.get(path, secure=True, headers=headers)
    if answer.status_code not in EXPECTED.get(path, (200, 302, 404)):
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return len(answer.content)


def cost(client: Client, path: str) -> dict[str, float]:
    began, cpu_s = time.perf_counter(), time.thread_time()
    with queries() as asked:
        length = get(client, path)
    return {
        "queries": len(asked),
        "ms": (time.perf_counter() - began) * 1e3,
        "cpu_ms": (time.thread_time() - cpu_s) * 1e3,
        "kb": length / 1000,
    }


def rows(client: Client, path: str) -> float:
    """What the database reads for the page: rows on PostgreSQL, hundreds of steps on SQLite."""
    with queries() as asked:
        get(client, path)
    return rows_read(asked) if connection.vendor == "postgresql" else asked.steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--big", action="store_true")
    given = parser.parse_args()
    settings.METRICS_TOKEN = METRICS_TOKEN
    settings.ALLOWED_HOSTS = ["testserver"]  # as its client says
    grown = fill(given.runs, big=given.big)
    superuser = replace(grown, admin=User.objects.create_superuser("root"))
    paths = pages(grown) | admin_pages(grown)
    clients: dict[str, Client] = {}
    costs: dict[str, float] = {}
    _say(list(paths))
    for line in sys.stdin:
        route = line.rstrip("\n")
        path = paths[route]
        if route not in clients:  # what a process asks once is asked first
            asks = superuser if path.startswith("/admin/") else grown
            client = clients[route] = client_for(path, asks)
            get(client, path)
            costs[route] = rows(client, path)
        _say(cost(clients[route], path) | {"rows": costs[route]})


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
