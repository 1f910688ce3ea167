"""A snapshot and what follows it come to the same as a snapshot taken afterwards.

Random stories of a crew, one verb a step. After each step the events are applied to the oldest
snapshot in two ways: by `runs.events.state`, and by the crew page's own code, which must then show
what a page shows that is opened at that moment.
"""

import json
import random
import subprocess
import uuid
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from conftest import Tenant
from crews.models import Crew, Task
from crews.tracking import InvalidState
from realtime import log
from realtime.log import streams
from realtime.sockets import snapshots
from runs.events.model_state import ModelState
from runs.events.run_state import RunState
from runs.events.state import CrewState
from runs.models import Control, Handoff, ModelCall, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.pages import history

STORIES = 15
STEPS = 30
REPLAY = Path(__file__).parent / "js" / "replay.js"
ENDS = ["succeeded", "failed", "cancelled"]
TOKENS = [{}, {"input_tokens": 5}, {"input_tokens": 812, "output_tokens": 94}]

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
        except InvalidState:
            return
        self.steps.append(self._step())

    def _verbs(self) -> list[Callable[[], Any]]:
        active = list(Run.objects.filter(crew=self.crew).active())
        tasks = list(TaskExecution.objects.filter(run__in=active, status="running"))
        tools = list(ToolExecution.objects.filter(task_execution__in=tasks, status="running"))
        calls = list(ModelCall.objects.filter(run__in=active, status="running"))
        running = [run for run in active if run.status == "running"]
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
        if running:
            verbs += [lambda: self._start_call(pick(running))] * 3
            verbs += [lambda: self._hand_over(pick(running))]
            verbs += [lambda: self._pause_or_resume(pick(running))] * 2
        if calls:
            verbs += [lambda: self._end_call(pick(calls))] * 3
        if tools:
            verbs += [lambda: self._report(pick(tools))] * 4
            verbs += [lambda: self._end(pick(tools))] * 3
        return verbs

    def _start_task(self, run: Run) -> None:
        begun = set(run.task_executions.values_list("task_id", flat=True))
        waiting = [task for task in run.plan["tasks"] if task["task_id"] not in map(str, begun)]
        if not waiting or run.status != "running":
            raise InvalidState("nothing to start")
        TaskExecution.objects.start(run=run, task=waiting[0])

    def _start_tool(self, task: TaskExecution) -> None:
        ToolExecution.objects.start(task_execution=task, tool="script", params={"n": 1})

    def _start_call(self, run: Run) -> None:
        about = {"agent_id": self._random.choice(self.agents), "provider": "openai", "model": "m"}
        ModelCall.objects.start(run=run, id=uuid.uuid4(), at=timezone.now(), **about)

    def _end_call(self, call: ModelCall) -> None:
        cost = self._random.choice([None, Decimal("0.25")])
        source = "" if cost is None else "computed"
        tokens = self._random.choice(TOKENS)
        call.end("success", tokens=tokens, cost_usd=cost, cost_source=source)

    def _hand_over(self, run: Run) -> None:
        one, other = self._random.sample(self.agents, 2)
        agents = {"from_agent_id": one, "to_agent_id": other}
        Handoff.objects.create(run=run, at=timezone.now(), **agents)

    def _pause_or_resume(self, run: Run) -> None:
        pauses = not run.paused_at
        Control.objects.ask(run, "pause" if pauses else "resume", by="Ada")
        report_paused(run, pauses)

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
            "runs": {str(run.pk): _row(run) for run in runs},
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


def stories_of(acme: Tenant, *, runs_at_once: int) -> list[Story]:
    stories = [Story(acme, number, runs_at_once=runs_at_once) for number in range(STORIES)]
    for story in stories:
        for _ in range(STEPS):
            story.go_on()
    return stories


EXECUTION = (
    "run_id", "agent_id", "execution_id", "tool", "params", "status", "message", "progress",
    "exit_code", "duration_s", "output_length",
)  # fmt: skip


def test_the_reducer_comes_to_the_same_after_every_step(acme):
    """`watch`, the crew page's snapshot and the API's run show one state."""
    stories = stories_of(acme, runs_at_once=2)
    for story in stories:
        crew, runs = CrewState(), defaultdict(RunState)
        for step in story.steps:
            for event in sorted(step["events"], key=lambda event: event["timestamp"]):
                crew.apply(event)
                if event["type"] != "signal":
                    runs[event["run_id"]].apply(event)
            for fresh in step["snapshot"]["executions"]:
                call = crew.executions[fresh["execution_id"]]
                reduced = {"message": "", "progress": None, "exit_code": None} | call
                if fresh["status"] == "running":
                    fresh["duration_s"] = reduced["duration_s"] = None  # it goes on
                assert {name: reduced[name] for name in EXECUTION} == {
                    name: fresh[name] for name in EXECUTION
                }
            _compare(crew.model, step["snapshot"])
            for run_id, row in step["runs"].items():
                assert _reduced(runs[run_id]) == row
    for name in ("executions", "calls", "usage", "handoffs"):
        assert any(step["snapshot"][name] for story in stories for step in story.steps)


def _compare(state: ModelState, snapshot: dict[str, Any]) -> None:
    fresh = ModelState()
    fresh.apply(snapshot)
    shown = {"run_id", "agent_id", "call_id", "provider", "model"}
    assert state.calls.keys() == fresh.calls.keys()
    for call_id, call in fresh.calls.items():
        assert all(state.calls[call_id][name] == call[name] for name in shown)
    assert state.usage.items() >= fresh.usage.items()
    runs = {handoff["run_id"] for handoff in fresh.handoffs}
    assert [one for one in state.handoffs if one["run_id"] in runs] == fresh.handoffs


def _reduced(run: RunState) -> dict[str, Any]:
    tasks = {task_id: task["status"] for task_id, task in run.tasks.items()}
    agents = {agent_id: agent["status"] for agent_id, agent in run.agents.items()}
    return {"over": run.is_over, "tasks": tasks, "agents": agents}


def _row(run: Run) -> dict[str, Any]:
    """What the rows say of a run, as the run page and the API read them."""
    begun = {str(task.task_id): task for task in run.task_executions.all()}
    tasks = {t["task_id"]: "pending" for t in run.plan["tasks"]}
    tasks |= {task_id: task.status for task_id, task in begun.items()}
    page = history.entries(run, sorted(begun.values(), key=lambda task: task.started_at), [])
    agents = {agent["agent_id"]: "" for agent in run.plan["agents"]}
    for entry in page:
        if entry.type == "agent_start":
            agents[entry.agent_id] = "running"
        elif entry.type == "agent_end":
            agents[entry.agent_id] = entry.status
    return {"over": run.is_over, "tasks": tasks, "agents": agents}


def differences(stories: list[Story]) -> list[dict]:
    given = [{"agents": story.agents, "steps": story.steps} for story in stories]
    done = subprocess.run(
        ["node", REPLAY], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_old_page_shows_what_a_fresh_one_shows(acme):
    stories = stories_of(acme, runs_at_once=1)
    assert differences(stories)[:1] == []
    # The control: an event that is left out is seen.
    for story in stories:
        for step in story.steps:
            step["events"] = [event for event in step["events"] if event["type"] != "tool_end"]
    assert differences(stories)
