"""Model calls and handoffs of a reporter: what is stored, counted and emitted."""

from decimal import Decimal

import pytest
from django.db import connection

from realtime import log
from realtime.sockets import snapshots
from runs.models import Handoff, ModelCall, Usage
from runs.reporting import model_calls
from runs.tests.reporting.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)

BOOT = {"id": "boot", "run": "n1", "type": "boot", "crew": "support"}
START = {"type": "llm_start", "call_id": "c1", "agent_id": "orion", "provider": "openai"}
START |= {"model": "gpt-5-mini"}
END = {"type": "llm_end", "call_id": "c1", "status": "success"}
TOKENS = {"input_tokens": 1000, "output_tokens": 100, "cached_tokens": 0, "reasoning_tokens": 40}


@pytest.fixture
def send(program):
    """Send events of the run `n1`, with ids; its boot goes first."""
    count = iter(range(10_000))

    def send(*events):
        return program.send(*({"id": f"e{next(count)}", "run": "n1"} | event for event in events))

    send(BOOT)
    return send


def of(run, *types):
    return [frame for frame in frames(run) if frame["type"] in types]


def test_a_call_is_stored_emitted_and_counted(send, run_of):
    answer = send(START, END | TOKENS | {"cost_usd": 0.25, "finish_reason": "stop"})
    assert answer["accepted"] == 2
    run = run_of("n1")
    call = run.calls.get()
    assert (call.provider, call.model, call.agent_id) == ("openai", "gpt-5-mini", "orion")
    assert (call.status, call.cost_usd, call.cost_source) == (
        "success",
        Decimal("0.25"),
        "reported",
    )
    started, ended = of(run, "llm_start", "llm_end")
    assert (started["call_id"], started["model"]) == (str(call.pk), "gpt-5-mini")
    expected = TOKENS | {"cost_usd": 0.25, "finish_reason": "stop", "agent_id": "orion"}
    assert expected.items() <= ended.items()
    assert "first_token_s" not in ended
    assert run.usage == Usage(1, 1000, 100, Decimal("0.25"), 0, 0)


def test_what_is_unknown_stays_unknown(send, run_of):
    send(START | {"provider": "no-such", "model": "none"}, END)
    run = run_of("n1")
    (ended,) = of(run, "llm_end")
    unknown = {"input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd"}
    assert not unknown & ended.keys()
    assert run.usage == Usage(1, None, None, None, 1, 1)


def test_the_cost_is_computed_where_it_is_not_reported(send, run_of):
    send(START, END | TOKENS)
    call = run_of("n1").calls.get()
    assert call.cost_source == "computed"
    assert call.cost_usd > 0


def test_tokens_that_were_written_to_a_cache_count_for_the_cost(send, run_of):
    start = START | {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    send(start, END | TOKENS)
    send(start | {"call_id": "c2"}, END | TOKENS | {"call_id": "c2", "cache_write_tokens": 1000})
    plain, written = run_of("n1").calls.order_by("started_at").values_list("cost_usd", flat=True)
    assert written - plain == Decimal("0.00075")  # 3.75 instead of 3 dollars for a million


def test_the_first_end_counts_and_tokens_are_added_once(send, run_of):
    send(START, END | TOKENS, END | {"status": "error", "input_tokens": 5}, START)
    run = run_of("n1")
    assert run.calls.get().status == "success"
    assert len(of(run, "llm_start")) == len(of(run, "llm_end")) == 1
    assert (run.model_calls, run.input_tokens) == (1, 1000)


def test_an_end_without_a_start_is_accepted(send, run_of):
    send(END | TOKENS | {"duration_s": 2.0, "model": "gpt-5-mini", "at": None})
    run = run_of("n1")
    call = run.calls.get()
    assert (call.provider, call.model, call.agent_id) == ("unknown", "gpt-5-mini", "run")
    assert call.cost_usd is None
    assert [frame["type"] for frame in of(run, "llm_start", "llm_end")] == ["llm_start", "llm_end"]


@pytest.mark.parametrize(
    "ends",
    [
        {"type": "agent_end", "agent_id": "orion", "status": "failed"},
        {"type": "task_end", "task_id": "t1", "status": "failed"},
        {"type": "done", "status": "succeeded"},
    ],
    ids=lambda event: event["type"],
)
def test_an_open_call_is_cancelled_with_its_agent_task_or_run(send, run_of, ends):
    task = {"type": "task_start", "task_id": "t1", "agent_id": "orion"}
    send(task, START | {"task_id": "t1"}, ends, END | TOKENS)
    run = run_of("n1")
    (ended,) = of(run, "llm_end")
    assert ended["status"] == run.calls.get().status == "cancelled"
    assert run.usage == Usage(1, None, None, None, 1, 1)
    if ends["type"] == "done":
        assert frames(run)[-1]["type"] == "llm_end"


def test_a_call_goes_on_while_another_instance_of_its_agent_works(send, run_of):
    for instance in ("a", "b"):
        send({"type": "agent_start", "agent_id": "orion", "instance": instance})
    ends = {"type": "agent_end", "agent_id": "orion", "status": "succeeded"}
    send(START, ends | {"instance": "a"})
    run = run_of("n1")
    assert run.calls.get().status == "running"
    send(ends | {"instance": "b"})
    assert run.calls.get().status == "cancelled"


def test_cancelling_many_open_calls_takes_as_many_statements_as_cancelling_two(send, run_of):
    done = {"type": "done", "status": "failed"}
    numbers = []
    for run, calls in (("n1", 2), ("n2", 40)):
        about = {"run": run}
        send(BOOT | about, *(START | about | {"call_id": f"c{n}"} for n in range(calls)))
        statements = []

        def note(execute, sql, *args, statements=statements):
            statements.append(sql)
            return execute(sql, *args)

        with connection.execute_wrapper(note):
            send(done | about)
        assert run_of(run).calls.filter(status="cancelled").count() == calls
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


def test_the_first_progress_gives_the_time_to_the_first_token(send, run_of):
    at = 1_700_000_000
    send(
        START, {"type": "llm_progress", "call_id": "c1"}, {"type": "llm_progress", "call_id": "c1"}
    )
    first = run_of("n1").calls.get().first_token_s
    send(END | {"at": at})
    assert first is not None
    assert of(run_of("n1"), "llm_end")[0]["first_token_s"] == first


def test_a_run_has_a_limited_number_of_open_calls(send, run_of, monkeypatch):
    assert model_calls.OPEN_CALLS_AT_MOST == 1000
    monkeypatch.setattr(model_calls, "OPEN_CALLS_AT_MOST", 2)
    answer = send(*(START | {"call_id": f"c{n}"} for n in range(3)))
    assert [rejected["code"] for rejected in answer["rejected"]] == ["limit"]
    whole = {"call_id": "c8"}  # is never open
    assert send(START | whole, END | whole)["rejected"] == []
    answer = send(END, START | {"call_id": "c9"})
    assert answer["rejected"] == []


def test_numbers_at_their_limits_are_stored_and_emitted(send, run_of):
    for n in range(3):
        call = {"call_id": f"c{n}"}
        counts = {"input_tokens": 2**53, "output_tokens": 0, "cost_usd": 10**9}
        assert send(START | call, END | call | counts)["rejected"] == []
    run = run_of("n1")
    assert of(run, "llm_end")[0]["input_tokens"] == 2**53 - 1
    assert (run.input_tokens, run.cost_usd) == (2**53 - 1, 3 * 10**9)


def test_totals_of_a_run_are_those_of_its_rows(send, run_of):
    for n in range(6):
        call = {"call_id": f"c{n}"}
        counts = [{}, TOKENS, {"input_tokens": 3}, TOKENS | {"cost_usd": 0.5}][n % 4]
        send(START | call, *[END | call | counts] * (n != 5))
    run = run_of("n1")
    ended = list(run.calls.exclude(status="running"))
    assert len(ended) == run.model_calls == 5
    for name in ("input_tokens", "output_tokens", "cost_usd"):
        assert getattr(run, name) == sum(getattr(c, name) for c in ended if getattr(c, name))
    assert run.calls_without_usage == sum(not call.usage_is_known for call in ended) == 3
    assert run.calls_without_cost == sum(call.cost_usd is None for call in ended)
    assert type(run).objects.filter(pk=run.pk).usage() == run.usage


def test_a_whole_save_of_a_run_read_before_keeps_its_totals(send, run_of):
    send(START)
    run = run_of("n1")
    send(END | TOKENS)
    run.save()
    assert run_of("n1").input_tokens == 1000


def test_a_handoff_is_stored_and_emitted(send, run_of):
    answer = send(
        {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega", "message": "m"}
    )
    assert answer["accepted"] == 1
    run = run_of("n1")
    assert Handoff.objects.get(run=run).to_agent_id == "vega"
    (frame,) = of(run, "handoff")
    assert (frame["from_agent_id"], frame["to_agent_id"], frame["message"]) == (
        "orion",
        "vega",
        "m",
    )
    assert of(run, "agent_start") == []


def test_an_agent_has_a_name_a_role_and_a_parent(send, run_of):
    named = {"name": "Vega", "role": "Tester", "parent_agent_id": "The boss"}
    send({"type": "agent_start", "agent_id": "vega"} | named)
    run = run_of("n1")
    (frame,) = of(run, "agent_start")
    parent = frame["parent_agent_id"]
    assert (frame["name"], frame["role"]) == ("Vega", "Tester")
    assert [agent["agent_id"] for agent in run.plan["agents"]] == [parent, "vega"]
    log.position(f"graph:{run.crew_id}")  # makes the stream, as a socket does
    snapshot = snapshots.graph(f"graph:{run.crew_id}")
    parents = {agent["agent_id"]: agent.get("parent_agent_id") for agent in snapshot["agents"]}
    assert (parents["vega"], parents[parent]) == (parent, None)


def test_a_snapshot_has_open_calls_totals_and_handoffs(send, run_of):
    send(START, END | TOKENS | {"cost_usd": 0.5}, START | {"call_id": "c2"})
    send({"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"})
    run = run_of("n1")
    snapshot = snapshots.graph(f"graph:{run.crew_id}")
    assert [call["agent_id"] for call in snapshot["calls"]] == ["orion"]
    (usage,) = snapshot["usage"]
    assert usage == {"run_id": str(run.pk), "model_calls": 1, "input_tokens": 1000} | {
        "output_tokens": 100, "cost_usd": 0.5, "calls_without_usage": 0, "calls_without_cost": 0,
    }  # fmt: skip
    assert [handoff["to_agent_id"] for handoff in snapshot["handoffs"]] == ["vega"]


def test_no_text_of_a_call_is_stored(send, run_of):
    progress = {"type": "llm_progress", "call_id": "c1", "output": "a private answer"}
    send(START | {"input": "a private question"}, progress, END)
    run = run_of("n1")
    values = ModelCall.objects.filter(run=run).values()[0]
    assert "private" not in f"{values} {frames(run)}"


def test_secrets_in_texts_of_calls_and_handoffs_are_redacted(send, run_of):
    secret = "https://me:hunter2hunter2@example.com/"
    handoff = {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}
    texts = {"message": secret, "finish_reason": secret, "model": secret}
    send(START | {"model": secret, "provider": secret}, END | texts, handoff | {"message": secret})
    run = run_of("n1")
    stored = [*run.calls.values(), *run.handoffs.values(), *frames(run)]
    assert "hunter2" not in f"{stored}"
    assert "example.com" in f"{stored}"
