"""Every verb takes its locks in one order, so no two transactions wait for each other.

The order is that of docs/architecture.md. On PostgreSQL the statements say which rows they lock. On
SQLite, where there is one writer at a time, the test sees the streams and the crew alone.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from runs import turns
from runs.models import Run, TaskExecution, ToolExecution

ORDER = ["run", "task", "tool", "graph stream", "crew", "mission stream"]
OF_THE_RUN = {"run stream", "fence"}  # taken by whoever has the run's row, so at any place after it
ROWS = {"run", "task", "tool"}  # locked by SELECT ... FOR UPDATE, which SQLite has not
TABLES = {
    "crews_crew": "crew",
    "runs_run": "run",
    "runs_taskexecution": "task",
    "runs_toolexecution": "tool",
}
WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"(\w+)"')
LOCK = re.compile(r'FROM "(\w+)".* FOR (NO KEY )?UPDATE', re.DOTALL)

pytestmark = pytest.mark.django_db(transaction=True)


class Locks:
    """What the statements of one transaction lock, each row's kind once, in order."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.new: set[str] = (
            set()
        )  # kinds of rows that the transaction made: nobody waits for these

    def look(self, execute: Callable, sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.in_atomic_block:
            self._note(sql, params)
        return execute(sql, params, many, context)

    def _note(self, sql: str, params: Any) -> None:
        write, lock = WRITE.match(sql), LOCK.search(sql)
        if not (write or lock):
            return
        table = write[2] if write else lock[1]
        if table == "realtime_stream" and write:
            kind = f"{params[0].partition(':')[0]} stream"
        elif table == "realtime_fence" and write:
            kind = "fence"
        elif table in TABLES:
            kind = TABLES[table]
            if write and write[1] == "INSERT INTO":
                self.new.add(kind)
                return
        else:
            return
        if kind not in self.taken:
            self.taken.append(kind)


@contextmanager
def locks() -> Iterator[Locks]:
    seen = Locks()
    with connection.execute_wrapper(seen.look):
        yield seen


def in_order(taken: list[str]) -> bool:
    unseen = OF_THE_RUN if connection.features.has_select_for_update else OF_THE_RUN | ROWS
    ranks = [ORDER.index(kind) for kind in taken if kind not in unseen]
    return ranks == sorted(ranks)


def has_the_run(seen: Locks) -> bool:
    """Whether the run's row was there first where the transaction takes what belongs to it."""
    first = next((n for n, kind in enumerate(seen.taken) if kind in OF_THE_RUN), None)
    return first is None or "run" in seen.new or "run" in seen.taken[:first]


class Story:
    """A run of acme's crew, and each verb as a step of it."""

    def __init__(self, tenant: Any) -> None:
        self.tenant = tenant
        self.run: Run | None = None

    def ask(self) -> None:
        self.run = Run.objects.request(crew=self.tenant.crew, user=self.tenant.operator)

    def claim(self) -> None:
        self.run = turns.claim(worker="w")

    def start_task(self) -> None:
        planned = self.run.plan["tasks"][self.run.task_executions.count()]
        self.task = TaskExecution.objects.start(run=self.run, task=planned)

    def start_tool(self) -> None:
        self.tool = ToolExecution.objects.start(task_execution=self.task, tool="script", params={})

    def report(self) -> None:
        self.tool.report(message="half", output="out")

    def end_tool(self) -> None:
        self.tool.end("success", exit_code=0)

    def finish_task(self) -> None:
        self.task.finish("succeeded")

    def finish(self) -> None:
        self.run.finish("failed", reason="task_failed")

    def take_away(self) -> None:
        """As the reaper does, which does not hold the run."""
        Run.objects.get(pk=self.run.pk).finish("failed", reason="worker_lost")

    def cancel(self) -> None:
        Run.objects.get(pk=self.run.pk).cancel()

    def deactivate(self) -> None:
        self.tenant.crew.refresh_from_db()
        self.tenant.crew.is_active = False
        self.tenant.crew.save()


UNDER_WAY = ["ask", "claim", "start_task", "start_tool", "report"]
STORIES = {
    "a run to its end": [*UNDER_WAY, "end_tool", "finish_task", "start_task", "finish"],
    "ended with a tool at work": [*UNDER_WAY, "finish"],
    "taken away": [*UNDER_WAY, "take_away"],
    "cancelled while queued": ["ask", "cancel"],
    "cancelled under way": [*UNDER_WAY, "cancel"],
    "the crew deactivated": [*UNDER_WAY, "deactivate"],
}


@pytest.mark.usefixtures("worker_alive")
@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_every_verb_takes_its_locks_in_order(acme, steps):
    story = Story(acme)
    for step in steps:
        with locks() as seen:
            getattr(story, step)()
        assert seen.taken or step in ("ask", "start_task", "start_tool"), step
        assert in_order(seen.taken), (step, seen.taken)
        if connection.features.has_select_for_update:
            assert has_the_run(seen), (step, seen.taken)


@pytest.mark.parametrize(
    "taken",
    [["crew", "graph stream"], ["mission stream", "crew"], ["mission stream", "graph stream"]],
)
def test_another_order_is_noticed(taken):
    assert not in_order(taken)


def test_the_order_is_the_documented_one():
    from tests.guards.guard import PROJECT

    text = (PROJECT / "docs/architecture.md").read_text()
    section = text.partition("### The order of locks")[2].partition("\n#")[0]
    assert re.findall(r"^\d\. \*\*(.+?)\*\*", section, re.MULTILINE) == ORDER
