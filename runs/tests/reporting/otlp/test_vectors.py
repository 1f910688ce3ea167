"""Recorded spans of each dialect: the run that they make, in whatever order they arrive."""

import random

import pytest

from runs.models import Run, ToolExecution, TraceSpan
from runs.tests.reporting.otlp.conftest import (
    PROTOBUF,
    VECTORS,
    Json,
    final,
    let_end,
    protobuf_of,
    recorded,
    spans_of,
    with_spans,
)

TOOLS = {  # (tool, agent, status) in the order of their starts, then ends
    "pydantic_ai": [
        ("get_weather", "orion", "error"),
        ("ask_lyra", "orion", "success"),
        ("read_gauge", "lyra", "success"),
    ],
    "pydantic_ai_cancelled": [("get_map", "orion", "error"), ("get_weather", "orion", "error")],
    "agent_framework": [("get_weather", "orion", "success"), ("get_map", "orion", "error")],
    "adk": [
        ("transfer_to_agent", "orion", "success"),
        ("get_weather", "lyra", "success"),
        ("get_map", "lyra", "success"),
    ],
    "genai_langchain": [("send_mail", "orion", "error"), ("send_mail", "orion", "success")],
    "openinference_langchain": [
        ("get_weather", "orion", "error"),
        ("ask_lyra", "orion", "success"),
    ],
    "openllmetry": [("get_weather", "orion", "success")],
    "mcp": [("read_gauge", "orion", "success")],
}
ENDS = {  # the run's status and its seconds
    "pydantic_ai": ("succeeded", 8),
    "pydantic_ai_cancelled": ("cancelled", 8),
    "agent_framework": ("succeeded", 6),
    "adk": ("succeeded", 9),
    "genai_langchain": ("succeeded", 23),
    "openinference_langchain": ("succeeded", 9),
    "openllmetry": ("failed", 6),
    "mcp": ("succeeded", 5),
}
AGENTS = {  # each period of an agent's work
    "pydantic_ai": [("orion", "succeeded", 0, 8), ("lyra", "succeeded", 3.2, 5.9)],
    "pydantic_ai_cancelled": [("orion", "cancelled", 0, 8)],
    "agent_framework": [("orion", "succeeded", 0, 6)],
    "adk": [("orion", "succeeded", 0.1, 3), ("lyra", "succeeded", 3.1, 8.9)],
    "genai_langchain": [("orion", "cancelled", 0, 3), ("orion", "succeeded", 20, 23)],
    "openinference_langchain": [("orion", "succeeded", 0, 9), ("lyra", "succeeded", 1.4, 5.8)],
    "openllmetry": [("orion", "failed", 0.1, 5.9)],
    "mcp": [("orion", "succeeded", 0, 5)],
}
CALLS = {  # (agent, calls, input tokens, output tokens)
    "pydantic_ai": [("lyra", 2, 200, 40), ("orion", 3, 300, 60)],
    "pydantic_ai_cancelled": [("orion", 1, 100, 20)],
    "agent_framework": [("orion", 2, 300, 60)],
    "adk": [("lyra", 2, 160, 20), ("orion", 1, 80, 10)],
    "genai_langchain": [("orion", 2, 120, 10)],
    "openinference_langchain": [("lyra", 1, 90, 9), ("orion", 2, 180, 18)],
    "openllmetry": [("orion", 2, 140, 14)],
    "mcp": [],
}
CALLED = {"pydantic_ai", "openinference_langchain", "adk"}  # orion called lyra

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", VECTORS)
def test_a_dialect_makes_this_run(exporter, name):
    assert exporter.send(recorded(name)) == {}
    assert Run.objects.get().status == "running"  # more may come
    let_end()
    (run,) = final()
    assert [(tool, agent, status) for _, _, tool, agent, status, _ in run["tools"]] == TOOLS[name]
    status, seconds = ENDS[name]
    assert (run["run"][0], run["run"][3]) == (status, (0, seconds))
    agents = [(agent, status, start, end) for start, end, agent, status in run["agents"]]
    assert agents == AGENTS[name]
    calls = [
        (agent, len(own), sum(call[6] for call in own), sum(call[7] for call in own))
        for agent in ("lyra", "orion")
        if (own := [call for call in run["calls"] if call[2] == agent])
    ]
    assert calls == CALLS[name]
    assert {call[3] for call in run["calls"]} <= {"openai", "gcp.gemini"}
    assert run["handoffs"] == ([("orion", "lyra")] if name in CALLED else [])
    assert run["crew"] == ("release-crew" if "pydantic" in name else "weather-desk")
    assert not TraceSpan.objects.exists()


def shuffled(spans: list[Json], order: random.Random) -> list[Json]:
    """The spans in any order within their traces. The traces of a conversation follow each other,
    and only an agent's span names it.
    """
    order.shuffle(spans)
    if len({span["traceId"] for span in spans}) == 1:
        return spans
    begun: dict[str, str] = {}
    for span in spans:
        start = span["startTimeUnixNano"]
        begun[span["traceId"]] = min(start, begun.get(span["traceId"], start))
    spans.sort(key=lambda span: (begun[span["traceId"]], "invoke_agent" not in span["name"]))
    return spans


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", VECTORS)
def test_shuffled_duplicated_and_split_it_is_the_same_run(exporter, name, seed):
    request = recorded(name)
    exporter.send(request)
    let_end()
    (clean,) = final()
    Run.objects.all().delete()

    order = random.Random(f"{name} {seed}")
    spans = shuffled(spans_of(request) * 2, order)
    while spans:
        size = order.randint(1, 8)
        part = with_spans(request, spans[:size])
        del spans[:size]
        if order.random() < 0.5:
            assert exporter.post(protobuf_of(part), PROTOBUF).content == b""
        else:
            assert exporter.send(part) == {}
    let_end()
    assert final() == [clean]


@pytest.mark.parametrize("name", VECTORS)
def test_a_replay_after_the_end_changes_nothing(exporter, name):
    request = recorded(name)
    exporter.send(request)
    let_end()
    before = final()
    assert exporter.send(request) == {}
    let_end()
    assert final() == before


def test_a_tool_of_a_known_agent_is_shown_before_its_agent_has_ended(exporter):
    request = recorded("pydantic_ai")
    tool = next(span for span in spans_of(request) if span["name"] == "execute_tool read_gauge")
    exporter.send(with_spans(request, [tool]))
    shown = ToolExecution.objects.get()
    assert (shown.task_execution.agent_id, shown.status) == ("lyra", "success")


def test_a_tool_whose_agent_only_the_parent_names_waits_for_it(exporter):
    request = recorded("agent_framework")
    *children, root = spans_of(request)
    exporter.send(with_spans(request, children))
    assert not ToolExecution.objects.exists()
    exporter.send(with_spans(request, [root]))
    assert ToolExecution.objects.count() == 2
