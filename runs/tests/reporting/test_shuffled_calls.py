"""Events of model calls in any order, any number of times: the totals are those of the rows."""

from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.models import Run
from runs.tests.reporting.conftest import frames

CALLS = ["a", "b", "c"]
AGENTS = ["orion", "vega"]
COUNTS = [{}, {"input_tokens": 5}, {"input_tokens": 7, "output_tokens": 11}, {"cost_usd": 0.25}]
NUMBERS = count()

pytestmark = pytest.mark.django_db


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events with ids, of which some come again."""
    pick = lambda values: draw(st.sampled_from(values))  # noqa: E731
    made: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 12))):
        call = {"id": f"{number}", "call_id": pick(CALLS)}
        match pick(["start", "progress", "end", "end", "agent_end", "again"]):
            case "start":
                model = {"provider": "openai", "model": "gpt-5-mini", "agent_id": pick(AGENTS)}
                made.append(call | {"type": "llm_start"} | model)
            case "progress":
                made.append(call | {"type": "llm_progress"})
            case "end":
                made.append(call | {"type": "llm_end", "status": "success"} | pick(COUNTS))
            case "agent_end":
                ended = {"agent_id": pick(AGENTS), "status": "succeeded"}
                made.append({"id": f"{number}", "type": "agent_end"} | ended)
            case "again" if made:
                made.append(pick(made))
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=events(), cut=st.integers(0, 12))
def test_totals_are_those_of_the_rows(program, run_of, sent, cut):
    key = f"n{next(NUMBERS)}"
    own = [event | {"run": key} for event in sent]
    program.send({"id": "boot", "run": key, "type": "boot", "crew": "support"}, *own[:cut])
    program.send(*own[cut:], {"id": "done", "run": key, "type": "done", "status": "succeeded"})
    run = run_of(key)
    calls = list(run.calls.all())
    assert {call.status for call in calls} <= {"success", "cancelled"}
    assert len(calls) == run.model_calls == len({e["call_id"] for e in sent if "call_id" in e})
    for name in ("input_tokens", "output_tokens", "cost_usd"):
        known = [value for call in calls if (value := getattr(call, name)) is not None]
        assert getattr(run, name) == (sum(known) if known else None)
    assert run.calls_without_usage == sum(not call.usage_is_known for call in calls)
    assert run.calls_without_cost == sum(call.cost_usd is None for call in calls)
    assert Run.objects.filter(pk=run.pk).usage() == run.usage
    kinds = Counter(frame["type"] for frame in frames(run))
    assert kinds["llm_start"] == kinds["llm_end"] == len(calls)
