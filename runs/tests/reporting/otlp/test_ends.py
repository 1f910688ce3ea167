"""When the run of a trace ends: after its root, or after a silence."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F, QuerySet
from django.utils import timezone

from runs.execution import reaper
from runs.models import AgentExecution, Handoff, ModelCall, Run, ToolExecution, Trace, TraceSpan
from runs.reporting.otlp import span_queries, trace_request
from runs.reporting.otlp.batch import EventBatch
from runs.tests.reporting.otlp.conftest import Json, final, let_end, recorded, spans_of, with_spans

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


def below_a_root(request: Json) -> Json:
    """Put the spans below the span of a web request, and return that."""
    top = spans_of(request)[-1]
    root = {**top, "spanId": "d" * 16, "name": "POST /ask", "status": {}}
    root["attributes"] = [{"key": "http.request.method", "value": {"stringValue": "POST"}}]
    top["parentSpanId"] = root["spanId"]
    return root


def test_an_agent_that_another_called_does_not_end_the_run_of_a_killed_program(exporter):
    request = recorded("pydantic_ai")
    spans = spans_of(request)
    names = [span["name"] for span in spans]
    exporter.send(with_spans(request, spans[: names.index("invoke_agent lyra") + 1]))
    let_end(890)
    assert Run.objects.get().status == "running"
    let_end(11)
    assert final()[0]["run"][:2] == ("failed", "reporter_lost")


def test_an_agent_beside_calls_does_not_end_the_run_of_a_killed_program(exporter):
    request = recorded("agent_framework")
    *children, root = spans_of(request)
    agent = {**root, "spanId": "e" * 16, "parentSpanId": root["spanId"]}
    exporter.send(with_spans(request, [*children, agent]))
    let_end(901)
    assert final()[0]["run"][:2] == ("failed", "reporter_lost")


def test_calls_that_wait_for_their_agent_renew_the_lease(exporter):
    request = recorded("agent_framework")
    first, *others, _ = spans_of(request)
    exporter.send(with_spans(request, [first]))
    let_end(800)
    exporter.send(with_spans(request, others))
    let_end(800)
    assert Run.objects.get().status == "running"
    assert not ModelCall.objects.exists()


def test_spans_of_another_process_arrive_after_its_next_export(exporter):
    request = recorded("agent_framework")
    late = next(span for span in spans_of(request) if "get_map" in span["name"])
    exporter.send(with_spans(request, [span for span in spans_of(request) if span != late]))
    let_end(6)
    assert exporter.send(with_spans(request, [late])) == {}
    let_end()
    assert final()[0]["run"][0] == "succeeded"
    assert ToolExecution.objects.count() == 2


def test_a_run_that_was_renewed_since_the_sweep_read_it_goes_on(exporter):
    request = recorded("agent_framework")
    *children, root = spans_of(request)
    exporter.send(with_spans(request, children))
    QuerySet.update(Run.objects.all(), lease_until=timezone.now() - timedelta(seconds=1))
    (run,) = Run.objects.lease_expired().select_related("crew")
    exporter.send(with_spans(request, children))
    kept, lease = TraceSpan.objects.count(), Run.objects.get().lease_until
    assert not reaper._end_lost(run)
    assert (Run.objects.get().status, TraceSpan.objects.count()) == ("running", kept)
    assert Run.objects.get().lease_until == lease
    exporter.send(with_spans(request, [root]))
    let_end()
    assert final()[0]["run"][0] == "succeeded"


def test_spans_that_come_while_a_run_is_ended_keep_it_open(exporter, monkeypatch):
    request = recorded("agent_framework")
    first, second, *_ = spans_of(request)
    exporter.send(with_spans(request, [first]))
    correct = EventBatch.apply

    def apply_beside_a_call(self, *args):
        with monkeypatch.context() as patch:
            patch.setattr(EventBatch, "apply", correct)
            exporter.send(with_spans(request, [second]))
        correct(self, *args)

    monkeypatch.setattr(EventBatch, "apply", apply_beside_a_call)
    let_end(901)
    assert Run.objects.get().status == "running"
    assert TraceSpan.objects.count() == 2


def test_a_root_stays_noted_when_a_call_beside_it_has_none(exporter):
    exporter.send(recorded("agent_framework"))
    Trace.objects.update(root_ended=True)  # since that call has read the trace
    span_queries.COUNT.execute(trace=Trace.objects.get().pk, more=1, root_ended=False)
    assert Trace.objects.get().root_ended


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
    monkeypatch.setattr(trace_request, "HELD_AT_MOST", 0)
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
    earlier = F("received_at") - timedelta(seconds=8)
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
