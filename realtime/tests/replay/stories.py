"""Stories of runs, drawn at random: each step changes what pages show."""

import json
import random
from collections.abc import Iterator
from uuid import uuid4

from django.utils import timezone

from crews.models import Task
from realtime.tests.pages.scene import reported
from runs.models import Approval, Control, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.reporting import report_body, report_request

STEPS_OF_A_TOOL = 3


def of_worker(tenant, seed: int) -> tuple[Run, Iterator[None]]:
    """A queued run of the tenant's crew, and its story."""
    run = Run.objects.create(crew=tenant.crew)
    return run, _worked(run, tenant, random.Random(seed))


def _worked(run: Run, tenant, chance: random.Random) -> Iterator[None]:
    run.start(worker="w")
    yield
    for planned in run.plan["tasks"]:
        task = TaskExecution.objects.start(run=run, task=planned)
        yield
        for _ in range(chance.randint(1, 3)):
            yield from _asked(run, task, chance)
            in_tool = chance.random() < 0.5
            if not in_tool:
                yield from _paused(run, chance)
            yield from _tool(task, chance, pauses=in_tool)
        is_bad = chance.random() < 0.3
        task.finish("failed" if is_bad else "succeeded", message="It broke." if is_bad else "")
        yield
    run.finish(chance.choice(("succeeded", "failed", "cancelled")), reason="task_failed")
    yield


def _tool(task: TaskExecution, chance: random.Random, *, pauses: bool = False) -> Iterator[None]:
    call = ToolExecution.objects.start(
        task_execution=task, tool=chance.choice(("script", "pytest")), params={"a": "b"}
    )
    yield
    if pauses:
        yield from _paused(task.run, chance)
    for number in range(chance.randint(0, STEPS_OF_A_TOOL)):
        output = "".join(chance.choice("ab\nä") for _ in range(chance.randint(0, 50)))
        call.report(message=f"step {number}", progress=number / 4, output=output)
        yield
    status = chance.choice(("success", "success", "error", "completed_with_errors"))
    call.end(status, exit_code=int(status != "success"), message=chance.choice(("", "Over.")))
    yield


def _asked(run: Run, task: TaskExecution, chance: random.Random) -> Iterator[None]:
    if chance.random() < 0.5:
        return
    approval = Approval.objects.request(
        run=run, id=uuid4(), agent_id=task.agent_id, tool="script", params={},
        task_id=task.task_id, expires_after_s=60, admins_only=False,
    )  # fmt: skip
    yield
    approval.expire("Nobody decided.")
    yield


def _paused(run: Run, chance: random.Random) -> Iterator[None]:
    if chance.random() < 0.5:
        return
    Control.objects.ask(run, "pause", by="Ada")
    yield
    Control.objects.acknowledge(run)
    yield
    report_paused(run, True)
    yield
    Control.objects.ask(run, "resume", by="Ada")
    yield
    report_paused(run, False)
    yield


def of_parallel(tenant, seed: int) -> tuple[Run, Iterator[None]]:
    """A running run whose tasks are carried out at the same time, and its story."""
    chance = random.Random(seed)
    tenant.crew.max_parallel = 3
    tenant.crew.save()
    for order, agent in enumerate(2 * list(tenant.crew.agents.all()), start=2):
        Task.objects.create(crew=tenant.crew, agent=agent, name=f"More {order}", order=order)
    run = tenant.start_run()
    return run, _mixed(run, chance)


def _mixed(run: Run, chance: random.Random) -> Iterator[None]:
    under_way = [_whole_task(run, planned, chance) for planned in run.plan["tasks"]]
    while under_way:
        task = chance.choice(under_way[:3])
        try:
            next(task)
        except StopIteration:
            under_way.remove(task)
        else:
            yield
    run.finish("succeeded")
    yield


def _whole_task(run: Run, planned: dict, chance: random.Random) -> Iterator[None]:
    task = TaskExecution.objects.start(run=run, task=planned)
    yield
    for _ in range(chance.randint(1, 4)):
        yield from _tool(task, chance)
    task.finish("succeeded")
    yield


def of_program(tenant, seed: int) -> tuple[Run, Iterator[None]]:
    """A run that a program has begun to report, and its story."""
    chance = random.Random(seed)
    key = f"story-{seed}"
    run = reported(tenant, key=key)
    return run, _story_of_program(tenant, key, chance)


def _story_of_program(tenant, key: str, chance: random.Random) -> Iterator[None]:
    agents = ["planner", "writer", "critic"]
    for number, agent in enumerate(agents):
        parent = {"parent_agent_id": agents[0]} if number else {}
        at = {"type": "agent_start", "agent_id": agent, "name": agent.title(), **parent}
        yield from _said(tenant, key, at)
        if number:
            handed = {"from_agent_id": agents[number - 1], "to_agent_id": agent}
            yield from _said(tenant, key, {"type": "handoff", "message": "Go.", **handed})
        yield from _worked_by(tenant, key, agent, chance)
        yield from _said(
            tenant, key, {"type": "agent_end", "agent_id": agent, "status": "succeeded"}
        )
    yield from _said(tenant, key, {"type": "done", "status": "succeeded"})


def _worked_by(tenant, key: str, agent: str, chance: random.Random) -> Iterator[None]:
    task = f"{agent}-task"
    about = {"agent_id": agent, "task_id": task}
    yield from _said(tenant, key, {"type": "task_start", "name": f"Task of {agent}", **about})
    for number in range(chance.randint(1, 3)):
        call = f"{agent}-call-{number}"
        of = {"agent_id": agent, "call_id": call}
        yield from _said(tenant, key, {"type": "llm_start", "provider": "x", "model": "m", **of})
        used = {"input_tokens": 10 * number + 7, "output_tokens": 3, "cost_usd": 0.25}
        status = chance.choice(("success", "success", "error"))
        ending = {"status": status, **(used if chance.random() < 0.7 else {})}
        yield from _said(tenant, key, {"type": "llm_end", **ending, **of})
        of = {"execution_id": f"{agent}-tool-{number}"}
        begun = {"tool": "search", "params": {"q": "x"}, **of, **about}
        yield from _said(tenant, key, {"type": "tool_start", **begun})
        wrote = {"message": "half", "progress": 0.5, "output": "found\n"}
        yield from _said(tenant, key, {"type": "tool_progress", **wrote, **of})
        yield from _said(tenant, key, {"type": "tool_end", "status": "success", **of})
    ending = {"type": "task_end", "task_id": task, "status": "succeeded"}
    yield from _said(tenant, key, ending)


def _said(tenant, key: str, event: dict) -> Iterator[None]:
    say(tenant, key, event)
    yield


def say(tenant, key: str, event: dict) -> None:
    """Report one event of the run with this key, as its program does."""
    said = [{"run": key, "id": str(uuid4())} | event]
    items = report_body.items_in(
        json.dumps(said).encode(), content_type=report_body.JSON, encoding=""
    )
    answer = report_request.apply_events(tenant.issue_key("report")[0], items, timezone.now())
    assert answer.rejected == []
