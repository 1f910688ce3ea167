"""The page of a large run: a part of it is shown, and only what has changed is sent again."""

import re
from gzip import compress
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from realtime.tests.pages.scene import get
from runs.models import Run, TaskExecution, ToolExecution
from runs.pages.run_outline import TASKS_AT_ONCE

pytestmark = pytest.mark.django_db

PAGE_BYTES = 150_000  # compressed
UPDATE_BYTES = 10_000


def large_run(tenant: Tenant, tasks: int, agents: int = 25) -> Run:
    """A run under way, of tasks with twenty steps each."""
    names = [{"agent_id": f"a{n}", "name": f"Agent {n}", "role": ""} for n in range(agents)]
    step = {"tool": "script", "params": {"code": "x" * 500}}
    planned = [
        {
            "task_id": str(uuid4()),
            "name": f"Task {number}",
            "agent_id": f"a{number % agents}",
            "continue_on_error": False,
            "steps": [step] * 20,
        }
        for number in range(tasks)
    ]
    plan = {"crew": "Large", "agents": names, "tasks": planned}
    run = Run.objects.create(crew=tenant.crew, plan=plan)
    run.start(worker="w")
    return run


def carry_out(run: Run, number: int, tools: int = 3) -> list[ToolExecution]:
    task, executions = begin(run, number, tools)
    executions[-1].end("success", exit_code=0)
    task.finish("succeeded")
    return executions


def begin(run: Run, number: int, tools: int = 1) -> tuple[TaskExecution, list[ToolExecution]]:
    """A task at work, with its last tool."""
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][number])
    executions = []
    for _ in range(tools):
        if executions:
            executions[-1].end("success", exit_code=0)
        executions.append(
            ToolExecution.objects.start(task_execution=task, tool="script", params={})
        )
    return task, executions


def page(tenant: Tenant, run: Run, **query) -> str:
    return get(tenant.viewer, run.get_absolute_url(), data=query).content.decode()


def versions(html: str) -> list[str]:
    return re.findall('data-version="([^"]+)"', html)


def update(tenant: Tenant, run: Run, has: list[str], **query) -> str:
    path = f"{run.get_absolute_url()}live/"
    response = get(tenant.viewer, path, data=query, headers={"X-Has": ",".join(has)})
    assert re.fullmatch(r"cpu;dur=\d+", response["Server-Timing"])
    return response.content.decode()


def shown_tasks(html: str) -> list[str]:
    return re.findall('class="run-task" id="task-([^"]+)"', html)


def test_shows_the_page_of_tasks_that_the_run_has_reached(acme):
    run = large_run(acme, 2 * TASKS_AT_ONCE + 5)
    ids = [task["task_id"] for task in run.plan["tasks"]]
    assert shown_tasks(page(acme, run)) == ids[:TASKS_AT_ONCE]
    _, [tool] = begin(run, TASKS_AT_ONCE)
    html = page(acme, run)
    assert shown_tasks(html) == ids[TASKS_AT_ONCE : 2 * TASKS_AT_ONCE]
    assert f'id="tool-{tool.pk}"' in html
    assert f"Tasks {TASKS_AT_ONCE + 1} to {2 * TASKS_AT_ONCE} of {len(ids)}" in html
    assert shown_tasks(page(acme, run, page=3)) == ids[-5:]
    for outside in ("0", "99", "-1", "x"):
        assert shown_tasks(page(acme, run, page=outside))


def test_a_link_to_an_old_tool_or_task_shows_it_open(acme):
    run = large_run(acme, 2 * TASKS_AT_ONCE)
    _, old = carry_out(run, 0, tools=2)
    carry_out(run, TASKS_AT_ONCE)
    assert f'id="tool-{old.pk}"' not in page(acme, run)
    html = page(acme, run, at=old.pk)
    assert re.search(f'id="tool-{old.pk}"[^>]* open>', html)
    assert f'id="text-{old.pk}"' in html
    task = run.plan["tasks"][0]["task_id"]
    assert f'id="tool-{old.pk}"' in page(acme, run, at=task)
    assert shown_tasks(page(acme, run, at=uuid4()))


def test_a_tool_of_another_run_is_not_found_by_its_id(acme, globex):
    run = large_run(acme, 2 * TASKS_AT_ONCE)
    _, [foreign] = begin(large_run(globex, TASKS_AT_ONCE), 0)
    assert str(foreign.pk) not in page(acme, run, at=foreign.pk).replace(f"?at={foreign.pk}", "")


def test_of_a_closed_task_the_tools_come_when_it_is_opened(acme):
    run = large_run(acme, 5, agents=2)
    executions = carry_out(run, 0)
    begin(run, 1)
    html = page(acme, run)
    task = run.plan["tasks"][0]["task_id"]
    assert f'data-open="{task}"' in html
    assert f'id="tool-{executions[0].pk}"' not in html
    opened = update(acme, run, versions(html), open=task)
    for tool in executions:
        assert f'id="tool-{tool.pk}"' in opened
        assert f'id="text-{tool.pk}"' not in opened
    opened = update(acme, run, [], open=f"{task},{executions[0].pk},x")
    assert f'id="text-{executions[0].pk}"' in opened


def test_an_update_holds_what_has_changed_and_no_more(acme):
    run = large_run(acme, TASKS_AT_ONCE)
    carry_out(run, 0)
    task, [tool] = begin(run, 1)
    html = page(acme, run)
    has = versions(html)
    assert len(has) == len(set(has))
    same = update(acme, run, has)
    assert versions(same) == []
    assert len(same) < UPDATE_BYTES
    tool.report(message="half of it", progress=0.5)
    changed = update(acme, run, has)
    ids = re.findall(r'id="([^"]+)"\s+data-version|id="(tool-[^"]+)" data-version', changed)
    parts = ["lane-a1", f"task-{task.task_id}", f"tool-{tool.pk}"]
    assert sorted(filter(None, sum(ids, ()))) == parts
    assert "half of it" in changed
    assert versions(update(acme, run, versions(page(acme, run)))) == []


def test_the_page_is_small_and_asks_as_much_however_large_the_run_is(acme):
    def cost(tasks: int) -> tuple[int, int, int]:
        run = large_run(acme, tasks, agents=tasks // 2)
        for number in range(tasks // 2):
            carry_out(run, number)
        begin(run, tasks // 2)
        with CaptureQueriesContext(connection) as captured:
            html = page(acme, run)
        return len(captured), html.count("<"), len(compress(html.encode()))

    few, many = cost(TASKS_AT_ONCE + 10), cost(4 * TASKS_AT_ONCE)
    assert many[0] <= few[0] + 1  # tools that run on while a page of others begins
    assert many[1] < 1.2 * few[1]
    assert many[2] < PAGE_BYTES


@pytest.mark.parametrize("part", ["live/", "tools/{tool}/output/", "recording/", "moment/"])
def test_the_plan_of_a_large_run_is_read_once(acme, part):
    run = large_run(acme, TASKS_AT_ONCE + 1)
    _, [tool] = begin(run, 0)
    path = f"{run.get_absolute_url()}{part.format(tool=tool.pk)}"
    get(acme.viewer, path)
    with CaptureQueriesContext(connection) as captured:
        assert get(acme.viewer, path).status_code == 200
    assert not [query for query in captured if '"plan"' in query["sql"]]


def test_whether_it_is_still_shared_is_asked_without_the_page(acme):
    run = acme.start_run()
    path = f"{run.get_absolute_url()}live/"
    assert Client().head(path).status_code == 404
    run.share(True)
    with CaptureQueriesContext(connection) as captured:
        assert Client().head(path).status_code == 200
    assert len(captured) <= 3
