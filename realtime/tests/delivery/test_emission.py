"""Worker processes that write one stream: no gap, right order, everything published."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from redis import Redis
from redis.client import PubSub

from crews.models import Crew, Task
from realtime.log import streams
from realtime.models import Event
from tests.chaos.writer import REPORTS
from tests.live import Process

WORKERS = 4
TASKS = 40  # of each run; a tool for each
RATE = 200.0  # events a second that each worker tries to write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def published(redis_server: Redis) -> Iterator[PubSub]:
    """Everything published, as any service can read it."""
    with redis_server.pubsub() as pubsub:
        pubsub.psubscribe("graph:*", "run:*")
        pubsub.get_message(timeout=30)
        yield pubsub


@pytest.fixture
def crew(acme) -> Crew:
    template = acme.crew.tasks.first()
    for order in range(acme.crew.tasks.count(), TASKS):
        Task.objects.create(
            crew=acme.crew, agent=template.agent, name=f"{order}", order=order, steps=template.steps
        )
    return acme.crew


def test_workers_on_one_crew(acme, crew, published):
    runs = [acme.start_run() for _ in range(WORKERS)]
    workers = [
        Process("-m", "tests.chaos.writer", "--run", str(run.pk), "--rate", str(RATE))
        for run in runs
    ]
    received = texts(published, until=lambda: not any(worker.running for worker in workers))
    assert [worker.stop() for worker in workers] == [0] * WORKERS
    # Where the machine is so busy that Redis takes its time, a writer goes on without it for a
    # second.
    gave_up = {
        str(run.pk)
        for run, worker in zip(runs, workers, strict=True)
        if "Redis does not answer" in worker.log.read_text()
    }
    graph = streams.graph(crew.pk)
    for stream in (graph, *(streams.run(run.pk) for run in runs)):
        logged = Event.objects.filter(stream=stream).order_by("seq")
        assert [event.seq for event in logged] == list(range(1, len(logged) + 1))
        texts_logged = [event.body for event in logged]
        missed = set(texts_logged) - set(received[stream])
        assert {json.loads(text)["run_id"] for text in missed} <= gave_up
        # Two processes may publish in another order than they committed in; readers mend that.
        assert sorted(received[stream], key=_seq) == [t for t in texts_logged if t not in missed]

    bodies = Event.objects.filter(stream=graph).order_by("seq").values_list("body", flat=True)
    graph_events = [json.loads(body) for body in bodies]
    assert len(graph_events) == WORKERS * TASKS * (REPORTS + 2)
    turns = sum(one["run_id"] != next_one["run_id"] for one, next_one in pairwise(graph_events))
    assert turns > WORKERS * 10, "the workers did not write at the same time"
    of_execution = defaultdict(list)
    for event in graph_events:
        reports = event["type"] == "tool_progress"
        of_execution[event["execution_id"]].append(event["message" if reports else "type"])
    whole = ["tool_start", *map(str, range(REPORTS)), "tool_end"]
    assert all(events == whole for events in of_execution.values())


def texts(pubsub: PubSub, until: Callable[[], bool]) -> dict[str, list[str]]:
    """The texts published until then, and a moment longer, by channel, in the order of arrival."""
    received: defaultdict[str, list[str]] = defaultdict(list)
    over = False
    while (message := pubsub.get_message(timeout=0.5)) or not over:
        over = until()
        if message and message["type"] == "pmessage":
            received[message["channel"].decode()].append(message["data"].decode())
    return received


def _seq(text: str) -> int:
    return json.loads(text)["seq"]
