"""Runs whose tools do their best to stay, and what has to be true once they are over."""

import json
from collections import Counter
from dataclasses import dataclass, field

from crews.models import Crew
from realtime import log
from realtime.log import streams
from realtime.models import Event
from runs.models import Run, ToolExecution
from runs.models.run import RunQuerySet

# Some of what it starts leaves its session, loses its parent or ignores SIGTERM; the rest writes.
ESCAPEES = """
setsid bash -c 'trap "" TERM; sleep 300; true' &
(setsid sleep 300 &)
for line in $(seq {lines}); do echo "line $line of some output"; printf %4096d 0 >>disk || exit; sleep 0.05; done
"""
STUBBORN = "trap '' TERM\n" + ESCAPEES
LINES_PER_S = 20


def give_scripts(crew: Crew, *codes: str) -> None:
    """Make the crew's tasks, in order, scripts for bash."""
    for task, code in zip(crew.tasks.order_by("order"), codes, strict=True):
        task.steps = [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]
        task.save()


def give_work(crew: Crew, seconds: float) -> None:
    """Scripts that take so long each, and whose processes do their best to stay."""
    lines = round(seconds * LINES_PER_S)
    give_scripts(crew, ESCAPEES.format(lines=lines), STUBBORN.format(lines=lines))


@dataclass
class InFlight:
    """What a fault hits."""

    queued: int
    running: int
    tools: int  # executions that run

    @classmethod
    def now(cls) -> "InFlight":
        statuses = Counter(Run.objects.active().values_list("status", flat=True))
        tools = ToolExecution.objects.filter(status=ToolExecution.Status.RUNNING).count()
        return cls(statuses["queued"], statuses["running"], tools)


@dataclass
class Endings:
    """How runs ended; ``faults`` says what about them is not as promised."""

    ways: Counter[str] = field(default_factory=Counter)  # reason, or status where there is none
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, runs: RunQuerySet) -> "Endings":
        endings = cls()
        run_ids = [str(run.pk) for run in runs]
        for run in runs:
            endings.ways[run.reason or run.status] += 1
            endings.faults += _faults_of_run(run)
        for crew in {run.crew for run in runs}:
            endings.faults += _faults_of_crew(crew, run_ids)
        return endings


def _faults_of_run(run: Run) -> list[str]:
    name = streams.run(run.pk)
    events = _events(name)
    types = [event["type"] for event in events]
    faults = _gaps(name, events)
    if not run.is_over:
        faults.append(f"{name} is {run.status}")
    elif types[-1] != "done" or types.count("done") != 1 or types[0] != "boot":
        faults.append(f"{name} has {types}")
    elif events[-1]["status"] != run.status:
        faults.append(f"{name} ended {run.status}, its last event says {events[-1]['status']}")
    if run.reason == "worker_lost" and "error" not in types:
        faults.append(f"{name} was lost without an error")
    return faults


def _faults_of_crew(crew: Crew, run_ids: list[str]) -> list[str]:
    """Of the crew's tools and of its status."""
    name = streams.graph(crew.pk)
    events = _events(name)
    faults = _gaps(name, events)
    mine = [event for event in events if event["run_id"] in run_ids]
    tools = Counter((event["execution_id"], event["type"]) for event in mine)
    for execution in ToolExecution.objects.filter(task_execution__run__in=run_ids):
        pk = str(execution.pk)
        if (tools[pk, "tool_start"], tools[pk, "tool_end"]) != (1, 1):
            faults.append(f"{name} does not have one begin and one end of tool {pk}")
        output = "".join(e.get("output", "") for e in mine if e["execution_id"] == pk)
        if output != execution.output:
            faults.append(f"{name} has {len(output)} characters of tool {pk}")
    crew.refresh_from_db()
    signal = json.loads(log.newest(streams.mission(crew.pk)).text)["payload"]["status"]
    if (crew.status, signal) != ("available", "available"):
        faults.append(f"crew is {crew.status}, its signal {signal}")
    return faults


def _events(stream: str) -> list[dict]:
    rows = Event.objects.filter(stream=stream).order_by("seq")
    return [json.loads(body) for body in rows.values_list("body", flat=True)]


def _gaps(stream: str, events: list[dict]) -> list[str]:
    numbers = [event["seq"] for event in events]
    return [] if numbers == list(range(1, len(numbers) + 1)) else [f"{stream} has {numbers}"]
