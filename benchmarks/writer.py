"""``python -m benchmarks.writer VERB``: a worker-like process on a deployment's own database.

It writes through the models, as a worker does. Each verb prints one line of JSON.
"""

import os
import random
import time
from collections.abc import Callable
from itertools import count, repeat
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

from benchmarks import tool_output, verbs  # noqa: E402
from benchmarks.pacing import publish  # noqa: E402
from benchmarks.sample import percentile  # noqa: E402
from crews.models import Agent, ApiKey, Crew, Membership, Organization, Role, Task  # noqa: E402
from realtime import log  # noqa: E402
from realtime.log.publish import on_commit  # noqa: E402
from realtime.models import Stream  # noqa: E402
from runs.events.kinds import Event, ToolProgress  # noqa: E402
from runs.models import Run, TaskExecution, ToolExecution  # noqa: E402

STEPS = [{"tool": "script", "params": {"interpreter": "bash", "code": "true"}}]
BATCH_EVENTS = 500  # written in one transaction


def seed() -> dict[str, str]:
    """An organization, its crew, an API key, a viewer with a token, and a running tool."""
    call_command("migrate", verbosity=0)
    organization = Organization.objects.create(name="Bench", slug="bench")
    crew = Crew.objects.create(organization=organization, name="Bench", slug="bench")
    agent = Agent.objects.create(crew=crew, name="Orion", slug="orion")
    Task.objects.create(crew=crew, agent=agent, name="Work", steps=STEPS)
    user = User.objects.create_user("viewer")
    Membership.objects.create(organization=organization, user=user, role=Role.VIEWER)
    _, key = ApiKey.objects.issue(organization=organization, name="bench", scopes=["report"])
    run = Run.objects.create(crew=crew)
    run.start(worker="bench")
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    return {
        "crew": str(crew.pk),
        "run": str(run.pk),
        "execution": str(tool.pk),
        "token": str(AccessToken.for_user(user)),
        "key": key,
    }


def report(*, execution: str, rate: float, warm: float, seconds: float, output: str = "") -> None:
    """Progress reports at the rate; the moment of publishing is the commit, before the publish.

    ``output``: "real" for reports with the output of real tools.
    """
    written = tool_output.pieces() if output else repeat("")
    tool = ToolExecution.objects.select_related("task_execution__run").get(pk=execution)
    committed = 0
    numbers = count(1)

    def note() -> None:
        nonlocal committed
        committed = time.time_ns()

    def send(t: int) -> int:
        with transaction.atomic():
            transaction.on_commit(note)  # called before the one that publishes
            # The same message twice is no event.
            tool.report(message=f"t={t} {next(numbers)}", output=next(written))
        return committed

    publish(send, rate=rate, warm_s=warm, seconds=seconds)


def emit(*, execution: str, seconds: float) -> dict[str, float]:
    """As many progress reports as one writer gets done: saved, logged, committed and published."""
    tool = ToolExecution.objects.select_related("task_execution__run").get(pk=execution)
    return _as_many(lambda number: tool.report(message=f"event {number}"), seconds)


def append(*, stream: str, seconds: float, batch: int) -> dict[str, float]:
    """The same through ``log.append``, ``batch`` events a transaction."""

    def write(number: int) -> None:
        with transaction.atomic():
            on_commit(stream, log.append(stream, _events(stream, batch)))

    return _as_many(write, seconds)


def commit(*, stream: str, seconds: float) -> dict[str, float]:
    """One row updated and committed: what every durable write costs here at least."""
    log.position(stream)
    table = connection.ops.quote_name(Stream._meta.db_table)

    def write(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET floor = floor WHERE name = %s", [stream])

    return _as_many(write, seconds)


def fill(*, stream: str, events: int) -> dict[str, Any]:
    """Append until the stream has that many events; nothing is published."""
    head = log.position(stream).head
    while head < events:
        head = log.append(stream, _events(stream, min(BATCH_EVENTS, events - head)))[-1].seq
    return {"head": head}


def read(*, stream: str, samples: int) -> dict[str, float]:
    """What a page of the log costs, as a client that resumes somewhere makes the server read it."""
    head = log.position(stream).head
    places = random.Random(0)
    took = []
    for _ in range(samples):
        since = places.randrange(head - log.PAGE_EVENTS + 1)
        begun = time.perf_counter()
        page = log.read(stream, since)
        took.append((time.perf_counter() - begun) * 1e3)
        if [entry.seq for entry in page] != list(range(since + 1, since + 1 + log.PAGE_EVENTS)):
            raise RuntimeError(f"{stream} has not the {log.PAGE_EVENTS} events after {since}")
    return {"p50_ms": percentile(took, 50)}


def _as_many(write: Callable[[int], None], seconds: float) -> dict[str, float]:
    for number in range(20):
        write(number)
    took = []
    cpu_s, begun = time.process_time(), time.perf_counter()
    ended = begun
    while ended - begun < seconds:
        before = ended
        write(len(took))
        ended = time.perf_counter()
        took.append((ended - before) * 1e3)
    return {
        "per_s": len(took) / (ended - begun),
        "cpu_ms": (time.process_time() - cpu_s) / len(took) * 1e3,
        "p50_ms": percentile(took, 50),
        "p99_ms": percentile(took, 99),
    }


def _events(stream: str, number: int) -> list[Event]:
    id = stream.partition(":")[2]
    ids = {"crew_id": id, "run_id": id, "agent_id": "orion", "execution_id": id}
    return [ToolProgress(**ids, tool="script", message="t=0 line")] * number


if __name__ == "__main__":
    verbs.run(seed, report, emit, append, commit, fill, read)
