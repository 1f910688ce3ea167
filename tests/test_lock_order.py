"""Every verb takes its locks in one order, so no two transactions wait for each other.

The order is that of docs/architecture.md. On PostgreSQL the statements say which rows they lock. On
SQLite, where there is one writer at a time, the test sees the streams and the crew alone.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.log import streams
from realtime.tests.test_fence import Writer
from runs.execution import budget_actions, removal, run_queue
from runs.models import Approval, ModelCall, Run, TaskExecution, ToolExecution

ORDER = ["run", "task", "tool", "graph stream", "crew", "mission stream"]
OF_THE_RUN = {
    "run stream",
    "fence",
    "model call",
    "approval",
    "budget alert",
}  # taken by a holder of the run's row, so at any place after it
ROWS = {"run", "task", "tool"}  # locked by SELECT ... FOR UPDATE, which SQLite has not
TABLES = {
    "crews_crew": "crew",
    "realtime_fence": "fence",
    "realtime_stream": "stream",
    "runs_approval": "approval",
    "runs_budgetalert": "budget alert",
    "runs_modelcall": "model call",
    "runs_run": "run",
    "runs_taskexecution": "task",
    "runs_toolexecution": "tool",
}
# What is written, or selected to be locked.
PART = re.compile(
    r'(?P<write>INSERT INTO|(?<!DO )(?<!FOR )(?<!KEY )UPDATE|DELETE FROM)\s+"?(?P<table>\w+)'
    r'|FROM "(?P<locked>\w+)"(?=.* FOR (NO KEY )?UPDATE)',
    re.DOTALL,
)

pytestmark = pytest.mark.django_db(transaction=True)


class Locks:
    """What the statements of one transaction lock, each row's kind once, in order."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.new: set[str] = (
            set()
        )  # kinds of rows that the transaction made: nobody waits for these

    def look(self, execute: Callable, sql: str, params: Any, many: bool, context: Any) -> Any:
        # A statement of several parts is a transaction by itself.
        if connection.in_atomic_block or sql.startswith("WITH"):
            self._note(sql, params)
        return execute(sql, params, many, context)

    def _note(self, sql: str, params: Any) -> None:
        """The parts of a statement wait for each other, in the order in which they stand there."""
        for part in PART.finditer(sql):
            kind = TABLES.get(part["table"] or part["locked"])
            if kind == "stream":
                kind = _stream(params[sql[: part.start()].count("%s") :])
            if part["write"] == "INSERT INTO" and kind in ROWS:
                self.new.add(kind)
            elif kind and kind not in self.taken:
                self.taken.append(kind)


def _stream(params: Any) -> str:
    """The kind of the first stream that is named."""
    name = next(p for p in params if isinstance(p, str) and streams.is_stream(p))
    return f"{name.partition(':')[0]} stream"


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
        self.run = run_queue.claim(worker="w")

    def start_task(self) -> None:
        planned = self.run.plan["tasks"][self.run.task_executions.count()]
        self.task = TaskExecution.objects.start(run=self.run, task=planned)

    def start_tool(self) -> None:
        self.tool = ToolExecution.objects.start(task_execution=self.task, tool="script", params={})

    def start_call(self) -> None:
        about = {"agent_id": "orion", "provider": "openai", "model": "m"}
        about |= {"id": uuid4(), "at": timezone.now(), "task_execution": self.task}
        self.call = ModelCall.objects.start(run=self.run, **about)

    def end_call(self) -> None:
        self.call.end("success")

    def ask_approval(self) -> None:
        call = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 60}
        self.approval = Approval.objects.request(id=uuid4(), run=self.run, **call)

    def decide(self) -> None:
        """As a page does, which has read the approval some time ago."""
        approval = Approval.objects.select_related("run").get(pk=self.approval.pk)
        approval.decide("approved", by="somebody", seen=approval.seen)

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

    def set_budget(self) -> None:
        self.tenant.crew.refresh_from_db()
        self.tenant.crew.budget_day_minutes = 1
        self.tenant.crew.save()

    def exceed(self) -> None:
        """As the scheduler notices it."""
        assert budget_actions.check_all(timezone.now() + timedelta(minutes=2))

    def delete(self) -> None:
        Run.objects.get(pk=self.run.pk).delete()

    def delete_rows(self) -> None:
        Run.objects.filter(pk=self.run.pk).delete()

    def remove(self) -> None:
        """As the retention does."""
        removal.remove([self.run.pk])

    def deactivate(self) -> None:
        self.tenant.crew.refresh_from_db()
        self.tenant.crew.is_active = False
        self.tenant.crew.save()


UNDER_WAY = ["ask", "claim", "start_task", "start_tool", "report"]
STORIES = {
    "a run to its end": [*UNDER_WAY, "end_tool", "finish_task", "start_task", "finish"],
    "ended with a tool at work": [*UNDER_WAY, "finish"],
    "taken away": [*UNDER_WAY, "take_away"],
    "a model call": [*UNDER_WAY, "start_call", "end_call", "start_call", "finish_task"],
    "ended with a model call open": [*UNDER_WAY, "start_call", "finish"],
    "taken away with a model call open": [*UNDER_WAY, "start_call", "take_away"],
    "a tool call approved": [*UNDER_WAY, "ask_approval", "decide", "finish"],
    "ended with a tool call that waits": [*UNDER_WAY, "ask_approval", "finish"],
    "taken away with a tool call that waits": [*UNDER_WAY, "ask_approval", "take_away"],
    "cancelled while queued": ["ask", "cancel"],
    "cancelled under way": [*UNDER_WAY, "cancel"],
    "a budget exceeded": [*UNDER_WAY, "set_budget", "exceed"],
    "a budget exceeded while queued": ["set_budget", *UNDER_WAY, "ask", "exceed"],
    "the crew deactivated": [*UNDER_WAY, "deactivate"],
}


@pytest.mark.usefixtures("worker_alive")
@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_every_verb_takes_its_locks_in_order(acme, steps):
    story = Story(acme)
    for step in steps:
        with locks() as seen:
            getattr(story, step)()
        assert seen.taken or step in ("ask", "start_task", "start_tool", "start_call"), step
        assert in_order(seen.taken), (step, seen.taken)
        if connection.features.has_select_for_update:
            assert has_the_run(seen), (step, seen.taken)


@pytest.mark.usefixtures("worker_alive")
@pytest.mark.parametrize("delete", [Story.delete, Story.delete_rows, Story.remove])
def test_who_deletes_a_run_takes_its_row_first(acme, delete):
    """Before the rows that refer to it, which go in their own order; SQLite locks no row."""
    story = Story(acme)
    for step in [*UNDER_WAY, "finish"]:
        getattr(story, step)()
    with CaptureQueriesContext(connection) as queries:
        delete(story)
    assert not Run.objects.exists()
    asked = [query["sql"] for query in queries]
    before = asked[: next(n for n, sql in enumerate(asked) if sql.startswith("DELETE"))]
    held = [sql for sql in before if 'FROM "runs_run"' in sql and " FOR UPDATE" in sql]
    assert bool(held) == connection.features.has_select_for_update


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_alive")
def test_a_run_that_is_deleted_while_it_ends_locks_nobody_out(acme):
    """The end has the run's row and comes to its tools; the deletion must not hold these by
    then.
    """
    story = Story(acme)
    for step in UNDER_WAY:
        getattr(story, step)()
    with transaction.atomic():
        Run.objects.lock_row(story.run.pk)
        deletion = Writer(story.delete)
        assert deletion.waits()
        story.finish()
    deletion.join()
    assert deletion.error is None
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "taken",
    [["crew", "graph stream"], ["mission stream", "crew"], ["mission stream", "graph stream"]],
)
def test_another_order_is_noticed(taken):
    assert not in_order(taken)


def test_the_order_is_the_documented_one():
    from tests.live import PROJECT

    text = (PROJECT / "docs/architecture.md").read_text()
    section = text.partition("### The order of locks")[2].partition("\n#")[0]
    assert re.findall(r"^\d\. \*\*(.+?)\*\*", section, re.MULTILINE) == ORDER
