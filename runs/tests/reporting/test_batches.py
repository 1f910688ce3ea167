"""Events that share a transaction: the same log and rows as one by one, all or nothing, few
queries.
"""

import json
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.models import Event
from runs.models import ReportedRun, Run, SeenEvent, ToolExecution
from runs.reporting import event_applier, report_request, tool_calls, transactions
from runs.reporting.event_parsing import event_of
from runs.reporting.report_body import Item
from runs.reporting.reported_kinds import AgentStart, InvalidEvent
from runs.tests.reporting.conftest import frames
from runs.tests.reporting.test_reporting import story
from tests.test_lock_order import OF_THE_RUN, ROWS, has_the_run, in_order, locks

OWN = {"crew", "run_id", "crew_id", "execution_id", "call_id", "task_id", "timestamp", "seq"}
BASE = {"run": "nightly-1"}
LONG = [
    {"type": "agent_start", "agent_id": "orion", "name": "Orion", "instance": "i"},
    {"type": "agent_start", "agent_id": "vega", "parent_agent_id": "orion"},
    {"type": "agent_start", "agent_id": "orion", "instance": "j"},
    {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"},
    {"type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"},
    {"type": "tool_start", "execution_id": "x1", "tool": "ls", "task_id": "t1", "params": {"a": 1}},
    {"type": "tool_progress", "execution_id": "x1", "progress": 0.4, "output": "one\n"},
    {"type": "tool_progress", "execution_id": "x1", "message": "half", "output": "two\n"},
    {"type": "llm_start", "call_id": "c1", "provider": "openai", "model": "gpt-4o", "task_id": "t1"},
    {"type": "llm_progress", "call_id": "c1"},
    {"type": "tool_end", "execution_id": "x1", "status": "success", "output": "end\n"},
    {"type": "tool_end", "execution_id": "x1", "status": "error"},
    {"type": "tool_progress", "execution_id": "x1", "output": "late"},
    {"type": "tool_start", "execution_id": "x2", "tool": "cat", "agent_id": "vega"},
    {"type": "tool_end", "execution_id": "unknown", "status": "error", "duration_s": 0.25},
    {"type": "llm_end", "call_id": "c1", "status": "success", "input_tokens": 8, "cost_usd": 0.5},
    {"type": "llm_start", "call_id": "c2", "provider": "openai", "model": "gpt-4o", "agent_id": "vega"},
    {"type": "llm_end", "call_id": "c3", "status": "error", "output_tokens": 3},
    {"type": "tool_start", "execution_id": "x3", "tool": "ls", "task_id": "t1"},
    {"type": "error", "message": "boom", "task_id": "t1"},
    {"type": "task_end", "task_id": "t1", "status": "failed", "message": "no"},
    {"type": "agent_end", "agent_id": "orion", "instance": "i", "status": "succeeded"},
    {"type": "agent_end", "agent_id": "vega", "status": "succeeded"},
    {"type": "agent_end", "agent_id": "orion", "instance": "j", "status": "failed"},
    {"type": "task_end", "task_id": "t2", "status": "succeeded"},
    {"type": "tool_start", "execution_id": "x4", "tool": "open"},
]  # fmt: skip

# The start of a call and its end beside each other are one change of the record.
PAIRS = [
    {"type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"},
    {"type": "tool_start", "execution_id": "x1", "tool": "ls", "task_id": "t1", "params": {"a": 1}},
    {"type": "tool_end", "execution_id": "x1", "status": "success", "exit_code": 3, "message": "m"},
    {"type": "tool_start", "execution_id": "x1", "tool": "again"},
    {"type": "tool_end", "execution_id": "x1", "status": "error"},
    {"type": "tool_start", "execution_id": "x2", "tool": "cat", "agent_id": "vega"},
    {"type": "tool_end", "execution_id": "x2", "status": "cancelled", "duration_s": 0.25},
    {"type": "tool_end", "execution_id": "x3", "status": "error"},
    {"type": "tool_start", "execution_id": "x3", "tool": "late"},
    {"type": "tool_end", "execution_id": "x3", "status": "success"},
    {"type": "tool_start", "execution_id": "x4", "tool": "ls", "task_id": "t1"},
    {"type": "tool_end", "execution_id": "x4", "status": "success", "output": "all\n"},
    {"type": "llm_start", "call_id": "c1", "provider": "openai", "model": "gpt-4o", "input": "hi"},
    {"type": "llm_end", "call_id": "c1", "status": "success", "input_tokens": 8, "output_tokens": 2,
     "first_token_s": 0.5, "finish_reason": "stop"},
    {"type": "llm_start", "call_id": "c2", "provider": "openai", "model": "gpt-4o", "task_id": "t1"},
    {"type": "llm_end", "call_id": "c2", "status": "success", "model": "gpt-4o-2024-08-06"},
    {"type": "llm_start", "call_id": "c3", "provider": "p", "model": "m", "agent_id": "vega"},
    {"type": "llm_end", "call_id": "c3", "status": "error", "message": "no", "output": "text"},
    {"type": "llm_end", "call_id": "c4", "status": "success", "cost_usd": 0.5},
    {"type": "llm_start", "call_id": "c4", "provider": "p", "model": "m"},
    {"type": "llm_end", "call_id": "c4", "status": "error"},
    {"type": "task_end", "task_id": "t1", "status": "succeeded"},
    {"type": "tool_start", "execution_id": "x5", "tool": "ls", "task_id": "t1"},
    {"type": "tool_end", "execution_id": "x5", "status": "completed_with_errors"},
    {"type": "llm_start", "call_id": "c5", "provider": "p", "model": "m", "task_id": "t1"},
    {"type": "llm_end", "call_id": "c5", "status": "cancelled"},
    {"type": "tool_progress", "execution_id": "x5", "message": "late"},
]  # fmt: skip


def long_story(run: str, events: list[dict[str, Any]] = LONG) -> list[dict[str, Any]]:
    now = timezone.now().timestamp()
    story = [{"type": "boot", "crew": run}, *events, {"type": "done", "status": "failed"}]
    return [
        {"run": run, "id": f"e{number}", "at": now - 60 + number} | event
        for number, event in enumerate(story)
    ]


def comparable_frames(run: Run) -> list[dict[str, Any]]:
    """The run's events, without ids, names and times that differ between two runs."""
    return [
        {name: value for name, value in frame.items() if name not in OWN} for frame in frames(run)
    ]


def rows(run: Run) -> list[Any]:
    """What the tables have of the run, without ids and the times that a test cannot repeat."""
    tools = ToolExecution.objects.filter(task_execution__run=run)
    return [
        [*run.task_executions.values_list("name", "agent_id", "order", "status", "message")],
        sorted(run.agent_executions.values_list("agent_id", "instance", "status")),
        sorted(
            (tool.tool, tool.status, tool.message, tool.duration_s, tool.output_length, tool.output)
            for tool in tools
        ),
        sorted(
            call[:4] for call in run.calls.values_list("model", "agent_id", "status", "message")
        ),
        [*run.handoffs.values_list("from_agent_id", "to_agent_id")],
        [(agent["agent_id"], agent["name"]) for agent in run.plan["agents"]],
        [(task["name"], task["agent_id"]) for task in run.plan["tasks"]],
        (run.status, run.tasks_planned, run.tasks_ended, run.usage),
        (run.reported.events_seen, run.seen_events.count()),
    ]


@pytest.mark.parametrize("events", [LONG, PAIRS], ids=["long", "pairs"])
def test_a_batch_does_what_its_events_do_one_by_one(program, run_of, events):
    one_by_one = [program.send(event) for event in long_story("single", events)]
    together = program.send(*long_story("batch", events))
    assert together["accepted"] == sum(answer["accepted"] for answer in one_by_one)
    rejected = [entry | {"index": 0} for entry in together["rejected"]]
    assert rejected == [entry for answer in one_by_one for entry in answer["rejected"]]
    assert [entry["code"] for entry in rejected] == ["invalid"]
    single, batch = run_of("single"), run_of("batch")
    assert comparable_frames(batch) == comparable_frames(single)
    assert rows(batch) == rows(single)
    assert len(comparable_frames(batch)) > len(events)


def test_the_end_of_a_call_may_be_refused_or_repeated_beside_its_start(
    program, run_of, monkeypatch
):
    boot, *calls = long_story("nightly-1", PAIRS)[:4]
    del calls[0]  # the task
    program.send(boot)
    monkeypatch.setattr(transactions, "EVENTS_OF_RUN", 2)  # room for the start alone
    assert [entry["id"] for entry in program.send(*calls)["rejected"]] == ["e3"]
    assert ToolExecution.objects.get().status == "running"
    monkeypatch.setattr(transactions, "EVENTS_OF_RUN", 3)
    answer = program.send(*calls, calls[1])
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (1, 2, [])
    assert ToolExecution.objects.get().status == "success"
    assert (run_of("nightly-1").reported.events_seen, SeenEvent.objects.count()) == (3, 3)


@pytest.mark.parametrize("spans", [10, 50])
def test_the_queries_of_a_call_do_not_grow_with_its_events(program, spans):
    program.send(*story()[:4])
    events = [
        event
        for number in range(spans)
        for event in (
            BASE | {"id": f"s{number}", "type": "tool_start", "execution_id": f"n{number}",
                    "tool": "ls", "task_id": "t1"},
            BASE | {"id": f"e{number}", "type": "tool_end", "execution_id": f"n{number}",
                    "status": "success"},
        )
    ]  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        assert program.send(*events)["accepted"] == 2 * spans
    assert len(queries) <= 20, [query["sql"][:100] for query in queries]


def test_a_fault_in_the_middle_keeps_nothing_and_the_repeat_is_exact(program, run_of, monkeypatch):
    events = story()[:-1]
    program.send(events[0])
    run = run_of("nightly-1")
    before = frames(run)

    def fails(*args: Any) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(event_applier.EventApplier, "_task_end", fails)
        assert program.post("\n".join(map(json.dumps, events)).encode()).status_code == 500
    assert (frames(run), SeenEvent.objects.count()) == (before, 1)
    assert not ToolExecution.objects.exists()
    assert program.send(*events) == {"accepted": 8, "duplicates": 1, "rejected": []}
    assert len(frames(run)) == len(events)
    assert ReportedRun.objects.get().events_seen == len(events)


def test_an_event_that_is_refused_halfway_leaves_nothing_and_its_neighbours_stay(
    program, run_of, monkeypatch
):
    """No kind does so at present; the transaction of such a batch is done again, event by event."""
    agent_start = event_applier.EventApplier._agent_start

    def refuse_after(self: event_applier.EventApplier, event: AgentStart) -> None:
        agent_start(self, event)
        if event.agent_id == "child":
            raise InvalidEvent("limit", "too late")

    monkeypatch.setattr(event_applier.EventApplier, "_agent_start", refuse_after)
    answer = program.send(
        *story()[:2],
        BASE | {"id": "p", "type": "agent_start", "agent_id": "child", "parent_agent_id": "parent"},
        BASE | {"id": "l", "type": "agent_start", "agent_id": "lyra"},
    )
    assert [(r["id"], r["index"], r["code"]) for r in answer["rejected"]] == [("p", 2, "limit")]
    assert answer["accepted"] == 3
    run = run_of("nightly-1")
    assert [agent["agent_id"] for agent in run.plan["agents"]] == ["orion", "lyra"]
    assert [frame["type"] for frame in frames(run)] == ["boot", "agent_start", "agent_start"]


def test_events_of_a_batch_are_one_append(program, run_of):
    program.send(*story()[:3])
    program.send(*story()[3:-1])
    of_graph = Event.objects.filter(stream_id=f"graph:{run_of('nightly-1').crew_id}")
    assert of_graph.count() == 4
    assert of_graph.values("created_at").distinct().count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_alive")
def test_each_transaction_of_a_report_takes_its_locks_in_order(acme):
    """The events before the end are a batch; the end is a transaction by itself."""
    key, _ = acme.issue_key("report")
    items = [Item(0, event["id"], event_of(event), None) for event in long_story(acme.crew.slug)]
    report_request.apply_events(key, items[:1], timezone.now())
    for part, expected in (
        (items[1:9], ["graph stream"]),
        (items[9:-1], ["graph stream"]),
        (items[-1:], ["graph stream", "crew", "mission stream"]),  # two calls and a tool are open
    ):
        with locks() as seen:
            assert report_request.apply_events(key, part, timezone.now()).accepted
        assert in_order(seen.taken), seen.taken
        assert [kind for kind in seen.taken if kind not in OF_THE_RUN | ROWS] == expected
        if connection.features.has_select_for_update:
            assert has_the_run(seen), seen.taken


@pytest.mark.parametrize(
    ("limits", "events"),
    [
        ({"AGENTS_OF_RUN": 2}, [
            {"type": "agent_start", "agent_id": "child", "parent_agent_id": "parent"},
            {"type": "handoff", "from_agent_id": "a", "to_agent_id": "b"},
        ]),
        ({"OPEN_AGENTS_AT_MOST": 1}, [
            {"type": "agent_start", "agent_id": "a"},
            {"type": "agent_end", "agent_id": "b", "status": "failed"},
            {"type": "task_start", "task_id": "t", "agent_id": "c"},
            {"type": "tool_start", "execution_id": "x", "tool": "ls", "agent_id": "d"},
            {"type": "llm_start", "call_id": "c", "provider": "p", "model": "m", "agent_id": "e"},
        ]),
        ({"TASKS_OF_RUN": 0}, [
            {"type": "tool_start", "execution_id": "x", "tool": "ls", "agent_id": "a"},
            {"type": "tool_progress", "execution_id": "x", "output": "a"},
        ]),
    ],
    ids=["agents", "agents at work", "tasks"],
)  # fmt: skip
def test_an_event_beyond_a_limit_is_refused_before_it_changes_anything(
    program, run_of, monkeypatch, limits, events
):
    """So its batch needs no second transaction."""
    for name, limit in limits.items():
        monkeypatch.setattr(event_applier, name, limit)
    program.send(*story()[:2])
    run = run_of("nightly-1")
    numbered = [BASE | {"id": f"n{number}"} | event for number, event in enumerate(events)]
    applied = Mock(wraps=transactions.apply)
    monkeypatch.setattr(transactions, "apply", applied)
    answer = program.send(*numbered)
    assert [entry["code"] for entry in answer["rejected"]] == ["limit"] * len(events)
    assert applied.call_count == 1
    assert run_of("nightly-1").plan == run.plan


def test_a_batch_without_an_end_reads_no_open_tools_but_counts_them(program, monkeypatch):
    program.send(*story()[:4])
    monkeypatch.setattr(tool_calls, "OPEN_TOOLS_AT_MOST", 2)
    tools = [
        BASE | {"id": f"n{n}", "type": "tool_start", "execution_id": f"n{n}", "tool": "ls"}
        for n in range(2)
    ]
    end = BASE | {"id": "e", "type": "tool_end", "execution_id": "x1", "status": "success"}
    assert [r["id"] for r in program.send(*tools)["rejected"]] == ["n1"]
    whole = [event | {"id": f"w{event['id']}", "execution_id": "w"} for event in (tools[0], end)]
    assert program.send(*whole)["rejected"] == []  # is never open
    assert program.send(end, tools[1])["rejected"] == []
    assert ToolExecution.objects.filter(status="running").count() == 2


def test_the_end_of_a_run_with_many_open_tools_takes_few_queries(program, run_of):
    taken = {}
    for tools in (5, 300):
        run = f"n{tools}"
        start = {"type": "tool_start", "tool": "ls", "task_id": "t", "run": run}
        program.send(
            {"id": "boot", "run": run, "type": "boot", "crew": run},
            *(start | {"id": f"{n}", "execution_id": f"x{n}"} for n in range(tools)),
        )
        with CaptureQueriesContext(connection) as queries:
            program.send({"id": "done", "run": run, "type": "done", "status": "succeeded"})
        taken[tools] = len(queries)
        ended = ToolExecution.objects.filter(task_execution__run=run_of(run), status="error")
        assert ended.count() == tools
        graph = Event.objects.filter(stream__name=f"graph:{run_of(run).crew_id}", type="tool_end")
        assert graph.count() == tools
        assert [frame["type"] for frame in frames(run_of(run))].count("done") == 1
    assert taken[300] <= taken[5] + 10
