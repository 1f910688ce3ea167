"""A snapshot and what follows it come to the same as a snapshot taken afterwards.

Random stories of a crew, one verb a step. After each step the events are applied to the oldest
snapshot in two ways: by what the contract says of an execution's fields, and by the crew page's
own code, which must then show what a page shows that is opened at that moment.
"""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Tenant
from crews.models import Crew, Task
from crews.tracking import IllegalMove
from realtime import log, snapshots, streams
from runs.models import Run, TaskExecution, ToolExecution

STORIES = 15
STEPS = 30
REPLAY = Path(__file__).parent / "js" / "replay.js"
ENDS = ["succeeded", "failed", "cancelled"]

pytestmark = pytest.mark.django_db(transaction=True)


class Story:
    """A crew to which things happen, and what its streams say of it."""

    def __init__(self, tenant: Tenant, number: int, *, runs_at_once: int) -> None:
        self._random = random.Random(number)
        self._runs_at_once = runs_at_once
        self._positions: dict[str, int] = {}
        template = tenant.crew
        self.crew = Crew.objects.create(
            organization=tenant.organization, name=f"{number}", slug=f"crew-{number}"
        )
        for agent in template.agents.all():
            tasks = list(agent.tasks.all())
            agent.pk, agent.crew = None, self.crew
            agent.save(force_insert=True)
            for task in tasks:
                for order in (task.order * 2, task.order * 2 + 1):
                    Task.objects.create(
                        crew=self.crew, agent=agent, name=f"{order}", order=order, steps=task.steps
                    )
        self.agents = list(self.crew.agents.values_list("slug", flat=True))
        self.stream = streams.graph(self.crew.pk)
        log.position(self.stream)  # makes it, as a socket does before its snapshot
        self.steps = [self._step()]

    def go_on(self) -> None:
        """One verb, if it is a legal move."""
        try:
            self._random.choice(self._verbs())()
        except IllegalMove:
            return
        self.steps.append(self._step())

    def _verbs(self) -> list[Callable[[], Any]]:
        active = list(Run.objects.filter(crew=self.crew).active())
        tasks = list(TaskExecution.objects.filter(run__in=active, status="running"))
        tools = list(ToolExecution.objects.filter(task_execution__in=tasks, status="running"))
        verbs: list[Callable[[], Any]] = []
        if len(active) < self._runs_at_once:
            verbs.append(lambda: Run.objects.request(crew=self.crew))
        pick = self._random.choice
        if active:
            verbs += [lambda: pick(active).start(worker="w"), lambda: pick(active).cancel()]
            verbs += [lambda: self._start_task(pick(active))] * 4
            verbs += [lambda: pick(active).finish(pick(ENDS), reason="task_failed")]
        if tasks:
            verbs += [lambda: self._start_tool(pick(tasks))] * 4
            verbs += [lambda: pick(tasks).finish(pick(ENDS))] * 2
        if tools:
            verbs += [lambda: self._report(pick(tools))] * 4
            verbs += [lambda: self._end(pick(tools))] * 3
        return verbs

    def _start_task(self, run: Run) -> None:
        begun = set(run.task_executions.values_list("task_id", flat=True))
        waiting = [task for task in run.plan["tasks"] if task["task_id"] not in map(str, begun)]
        if not waiting or run.status != "running":
            raise IllegalMove("nothing to start")
        TaskExecution.objects.start(run=run, task=waiting[0])

    def _start_tool(self, task: TaskExecution) -> None:
        ToolExecution.objects.start(task_execution=task, tool="script", params={"n": 1})

    def _report(self, tool: ToolExecution) -> None:
        progress = self._random.choice([None, self._random.random()])
        tool.report(message=f"{self._random.random()}", progress=progress, output="é ☃\n")

    def _end(self, tool: ToolExecution) -> None:
        message = self._random.choice([None, "", "Some tests failed."])
        tool.end(self._random.choice(["success", "error"]), exit_code=0, message=message)

    def _step(self) -> dict[str, Any]:
        runs = Run.objects.filter(crew=self.crew).order_by("pk")
        followed = [self.stream, *(streams.run(run.pk) for run in runs)]
        return {
            "snapshot": snapshots.graph(self.stream),
            "events": [event for stream in followed for event in self._news(stream)],
            "active": {
                str(run.pk): _events(streams.run(run.pk), 0) for run in runs if not run.is_over
            },
        }

    def _news(self, stream: str) -> list[dict[str, Any]]:
        news = _events(stream, self._positions.get(stream, 0))
        if news:
            self._positions[stream] = news[-1]["seq"]
        return news


def _events(stream: str, since: int) -> list[dict[str, Any]]:
    return [json.loads(entry.text) for entry in log.read(stream, since)]


def told(acme: Tenant, *, runs_at_once: int) -> list[Story]:
    stories = [Story(acme, number, runs_at_once=runs_at_once) for number in range(STORIES)]
    for story in stories:
        for _ in range(STEPS):
            story.go_on()
    return stories


def applied(executions: dict[str, dict], event: dict[str, Any]) -> None:
    """What an event of the graph means for the executions of a snapshot."""
    match event:
        case {"type": "tool_start", "execution_id": id}:
            fields = ("run_id", "agent_id", "execution_id", "tool", "params")
            executions[id] = {name: event[name] for name in fields} | {
                "status": "running", "message": "", "progress": None, "exit_code": None,
                "duration_s": None, "output_length": 0,
            }  # fmt: skip
        case {"type": "tool_progress", "execution_id": id}:
            execution = executions[id]
            execution["message"] = event["message"]
            execution["progress"] = event.get("progress", execution["progress"])
            execution["output_length"] += len(event.get("output", ""))
        case {"type": "tool_end", "execution_id": id}:
            fields = ("status", "exit_code", "duration_s", "message")
            executions[id] |= {name: event[name] for name in fields}


def test_executions_follow_from_the_events(acme):
    for story in told(acme, runs_at_once=2):
        executions: dict[str, dict] = {}
        for step in story.steps:
            for event in step["events"]:
                if event["type"].startswith("tool_"):
                    applied(executions, event)
            for fresh in step["snapshot"]["executions"]:
                told_of = executions[fresh["execution_id"]]
                del fresh["started_at"]  # about the event's timestamp
                if fresh["status"] == "running":
                    fresh["duration_s"] = None  # it goes on
                assert told_of == fresh
    assert any(step["snapshot"]["executions"] for step in story.steps)


def differences(stories: list[Story]) -> list[dict]:
    given = [{"agents": story.agents, "steps": story.steps} for story in stories]
    done = subprocess.run(
        ["node", REPLAY], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_old_page_shows_what_a_fresh_one_shows(acme):
    assert differences(told(acme, runs_at_once=1))[:1] == []


def test_control_an_event_that_is_left_out_is_seen(acme):
    stories = told(acme, runs_at_once=1)
    for story in stories:
        for step in story.steps:
            step["events"] = [event for event in step["events"] if event["type"] != "tool_end"]
    assert differences(stories)
