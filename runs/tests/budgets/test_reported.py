"""Budgets of runs that programs report: tokens, cost and calls, each counted once."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.execution import budget_use
from runs.models import Run
from runs.tests.budgets.conftest import alerts, asked

pytestmark = pytest.mark.django_db(transaction=True)
BOOT = {"id": "boot", "run": "r", "type": "boot", "crew": "crew"}
TAKES = ["cancel", "pause"]
EVERY = ("tokens", "usd", "minutes", "tool_calls", "model_calls")


def call(number: int, **usage) -> list[dict]:
    about = {"run": "r", "call_id": f"c{number}"}
    model = {"agent_id": "orion", "provider": "no-such", "model": "none"}
    return [
        {"id": f"s{number}", "type": "llm_start", **about, **model},
        {"id": f"e{number}", "type": "llm_end", "status": "success", **about, **usage},
    ]


def use(run: Run) -> budget_use.BudgetUse:
    run = Run.objects.get(pk=run.pk)
    return budget_use.use_of_runs([run], EVERY, timezone.now())[run.pk]


def test_calls_tokens_and_cost_add_up(program, run_of):
    program.send(BOOT, *call(1, input_tokens=10, output_tokens=5, cost_usd=0.25))
    program.send(*call(2, input_tokens=100, output_tokens=50, cost_usd=0.5))
    used = use(run_of("r"))
    assert (used.tokens, used.usd, used.model_calls) == (165, Decimal("0.75"), 2)


def test_what_is_sent_again_counts_once(program, run_of, limit, look):
    limit(run_model_calls=3, run_usd=1)
    events = [BOOT, *call(1, cost_usd=0.3), *call(2, cost_usd=0.3)]
    for _ in range(4):
        program.send(*events)
    run = run_of("r")
    assert (use(run).usd, use(run).model_calls) == (Decimal("0.6"), 2)
    assert (look(), asked(run)) == (0, [])
    program.send(*[event | {"id": f"again {event['id']}"} for event in call(2, cost_usd=0.9)])
    assert use(run).usd == Decimal("0.6")  # the call has ended, whatever ids the events have


def test_a_program_that_never_ends_its_run_is_cancelled(program, run_of, limit, look):
    limit(run_tokens=100)
    program.send(BOOT | {"controls": TAKES}, *call(1, input_tokens=60, output_tokens=50))
    look()
    run = run_of("r")
    assert asked(run) == [("cancel", "the budget", "requested")]
    assert program.send({"run": "r", "id": "b", "type": "beat"})["stop"] == ["r"]
    program.send({"run": "r", "id": "d", "type": "done", "status": "cancelled"})
    assert asked(run) == [("cancel", "the budget", "applied")]


def test_a_program_that_takes_a_pause_is_paused(program, run_of, limit, look):
    limit(run_model_calls=1, run_at_limit="pause")
    program.send(BOOT | {"controls": TAKES}, *call(1), *call(2))
    look()
    run = run_of("r")
    [control] = run.controls.all()
    assert (control.action, control.status) == ("pause", "requested")
    program.send(
        {"run": "r", "id": "p", "type": "control_applied", "control_id": str(control.pk),
         "status": "applied"}
    )  # fmt: skip
    limit(run_model_calls=10)
    look()
    assert asked(run)[1:] == [("resume", "the budget", "requested")]


def test_a_program_that_takes_no_pause_goes_on_and_the_refusal_shows(program, run_of, limit, look):
    limit(run_model_calls=1, run_at_limit="pause")
    program.send(BOOT, *call(1), *call(2))
    look()
    run = run_of("r")
    assert asked(run) == [("pause", "the budget", "refused")]
    assert look() == 0
    limit(run_model_calls=10)
    look()
    assert len(asked(run)) == 1  # nothing was paused, so nothing resumes


def test_what_nobody_reports_is_unknown_and_never_acts(program, run_of, limit, look):
    limit(run_tokens=1, run_usd=Decimal("0.0001"))
    program.send(BOOT, *call(1), *call(2))
    run = run_of("r")
    used = use(run)
    assert (used.tokens, used.usd, used.left_out("tokens"), used.left_out("usd")) == (
        *(None, None, 2, 2),
    )
    assert (look(), alerts(run)) == (0, [])


def test_a_part_that_is_known_counts(program, run_of, limit, look):
    limit(run_tokens=10)
    program.send(BOOT, *call(1), *call(2, input_tokens=20))
    run = run_of("r")
    assert (use(run).tokens, use(run).left_out("tokens")) == (20, 2)
    look()
    assert alerts(run) == [("run", "tokens", "exceeded")]


def test_a_run_without_calls_has_used_nothing(program, run_of):
    program.send(BOOT)
    assert (use(run_of("r")).tokens, use(run_of("r")).usd) == (0, 0)


def test_a_worker_run_does_not_know_its_models(acme):
    run = acme.start_run()
    assert (use(run).tokens, use(run).usd, use(run).model_calls) == (None, None, None)


def test_a_program_that_says_it_began_long_ago_has_not_used_that_time(program, run_of):
    long_ago = timezone.now().timestamp() - 36_000
    program.send(BOOT | {"at": long_ago, "sent_at": timezone.now().timestamp()})
    assert use(run_of("r")).minutes < 60


def test_the_day_adds_runs_and_the_calls_of_earlier_runs(program, acme, run_of):
    program.send(BOOT, *call(1, input_tokens=10, output_tokens=5, cost_usd=0.25))
    acme.crew.refresh_from_db()
    of_day = budget_use.use_of_day(acme.crew, EVERY, timezone.now())
    assert (of_day.tokens, of_day.usd, of_day.model_calls) == (15, Decimal("0.25"), 1)


def test_a_report_asks_no_more_queries_with_budgets(program, limit):
    program.send(BOOT, *call(1))
    with CaptureQueriesContext(connection) as without:
        program.send(*call(2, input_tokens=5, output_tokens=5))
    limit(run_tokens=5, run_usd=5, run_tool_calls=1, day_tokens=5, day_minutes=5)
    with CaptureQueriesContext(connection) as with_budgets:
        program.send(*call(3, input_tokens=5, output_tokens=5))
    assert len(with_budgets) == len(without)


def test_a_look_asks_as_many_queries_for_many_runs_as_for_one(acme, limit, look):
    limit(run_tool_calls=10, run_minutes=10, day_usd=5, day_tool_calls=100)
    acme.start_run()
    with CaptureQueriesContext(connection) as one:
        look()
    for _ in range(5):
        acme.start_run()
    with CaptureQueriesContext(connection) as six:
        look()
    assert len(six) == len(one) <= 12


def test_without_budgets_a_look_is_one_query(acme, look):
    acme.start_run()
    with CaptureQueriesContext(connection) as queries:
        look()
    assert len(queries) == 1
