"""When the run of a trace ends: after its root, or after a silence."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F

from runs.models import AgentExecution, Handoff, Run, ToolExecution, TraceSpan
from runs.reporting.otlp import calls
from runs.tests.reporting.otlp.conftest import final, let_end, recorded, spans_of, with_spans

pytestmark = pytest.mark.django_db


def test_a_program_that_was_killed_is_lost_after_the_idle_limit(exporter):
    request = recorded("agent_framework")
    exporter.send(with_spans(request, spans_of(request)[:-1]))  # its root never came
    let_end(800)
    assert Run.objects.get().status == "running"
    let_end(101)
    (run,) = final()
    assert run["run"][:2] == ("failed", "reporter_lost")
    assert [tool[2:5] for tool in run["tools"]] == [
        ("get_weather", "run", "success"),
        ("get_map", "run", "error"),
    ]


def test_a_parent_in_another_process_is_not_waited_for_forever(exporter):
    request = recorded("agent_framework")
    root = spans_of(request)[-1]
    root |= {"parentSpanId": "c" * 16, "flags": 0x301}
    exporter.send(request)
    let_end(61)
    assert Run.objects.get().status == "running"
    let_end(840)
    assert final()[0]["run"][0] == "succeeded"


def test_a_root_waits_a_minute_for_spans_that_others_name(exporter):
    request = recorded("openllmetry")
    missing = next(span for span in spans_of(request) if span["name"] == "ask.task")
    exporter.send(with_spans(request, [span for span in spans_of(request) if span != missing]))
    let_end(50)
    assert Run.objects.get().status == "running"
    let_end(11)
    assert final()[0]["run"][0] == "failed"


def test_late_spans_reopen_nothing(exporter):
    request = recorded("pydantic_ai")
    late, *rest = spans_of(request)
    late = next(span for span in rest if span["name"] == "execute_tool read_gauge")
    exporter.send(with_spans(request, [span for span in spans_of(request) if span != late]))
    let_end()
    before = final()
    partial = exporter.send(with_spans(request, [late]))["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert final() == before
    assert not TraceSpan.objects.exists()


def test_an_interrupted_root_waits_for_its_conversation(exporter):
    request = recorded("genai_langchain")
    first = [
        span for span in spans_of(request) if span["traceId"] == spans_of(request)[0]["traceId"]
    ]
    exporter.send(with_spans(request, first))
    let_end(800)
    assert Run.objects.get().status == "running"
    let_end(101)
    assert final()[0]["run"][:2] == ("cancelled", "not_resumed")


def test_calls_beyond_the_limit_do_not_wait_for_their_agent(exporter, monkeypatch):
    monkeypatch.setattr(calls, "HELD_AT_MOST", 0)
    request = recorded("agent_framework")
    exporter.send(with_spans(request, spans_of(request)[:-1]))
    assert {tool.task_execution.agent_id for tool in ToolExecution.objects.all()} == {"run"}


def test_an_agent_ends_while_its_caller_works(exporter):
    """After the grace, with the next call of the trace; its caller is known later."""
    spans = spans_of(request := recorded("pydantic_ai"))
    names = [span["name"] for span in spans]
    lyra, asked = names.index("invoke_agent lyra"), names.index("execute_tool ask_lyra")
    exporter.send(with_spans(request, spans[: lyra + 1]))
    agent = AgentExecution.objects.get(agent_id="lyra")
    assert agent.status == "running"
    earlier = F("received_at") - timedelta(seconds=3)
    TraceSpan.objects.update(received_at=earlier)
    exporter.send(with_spans(request, spans[asked : asked + 1]))
    agent.refresh_from_db()
    assert agent.status == "succeeded"
    assert list(Handoff.objects.values_list("from_agent_id", "to_agent_id")) == [("orion", "lyra")]
    assert Run.objects.get().status == "running"
    exporter.send(request)
    let_end()
    assert final()[0]["run"][0] == "succeeded"
    assert Handoff.objects.count() == 1


def test_a_run_whose_spans_cannot_be_read_ends_all_the_same(exporter, monkeypatch, caplog):
    exporter.send(recorded("mcp"))
    monkeypatch.setattr("runs.reporting.otlp.ending.outcome", None)
    let_end()
    assert final()[0]["run"][:2] == ("failed", "reporter_lost")
    assert "end_by_its_spans" in caplog.text


def test_a_database_that_is_away_does_not_lose_the_run(exporter, monkeypatch):
    def fail(*args):
        raise OperationalError("deadlock detected")

    exporter.send(recorded("mcp"))
    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr("runs.reporting.otlp.ending.outcome", fail)
        let_end()
    assert Run.objects.get().status == "running"
    let_end()
    assert final()[0]["run"][0] == "succeeded"


def test_a_run_gets_the_name_of_an_agent_whose_span_comes_last(exporter):
    request = recorded("agent_framework")
    *children, root = spans_of(request)
    exporter.send(with_spans(request, children))
    assert Run.objects.get().reported.name == ""
    exporter.send(with_spans(request, [root]))
    assert Run.objects.get().reported.name == "orion"
