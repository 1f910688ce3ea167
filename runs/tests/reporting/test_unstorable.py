"""Values that the database does not take: no event blocks the reporter for ever."""

import pytest
from django.db import DataError
from django.db.models import F

from runs.models import Handoff, ModelCall, ReportedRun, ToolExecution
from runs.reporting import transactions
from runs.reporting.event_applier import EventApplier
from runs.reporting.event_parsing import LIMITS

pytestmark = pytest.mark.django_db(transaction=True)

BASE = {"run": "n1"}
BOOT = BASE | {"id": "boot", "type": "boot", "crew": "support"}
HANDOFF = BASE | {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}


def growing(field: str) -> str:
    """A text of the field's full length, which redaction makes longer."""
    return ("password=x9Q " * 100)[: LIMITS[field]]


def test_a_short_secret_in_a_text_at_its_limit_is_stored(program):
    call = BASE | {"call_id": "c1"}
    texts = {name: growing(name) for name in ("provider", "model", "finish_reason", "message")}
    begun = {name: texts[name] for name in ("provider", "model")}
    answer = program.send(
        BOOT,
        HANDOFF | {"id": "1", "message": texts["message"]},
        BASE | {"id": "2", "type": "tool_start", "execution_id": "x", "tool": growing("tool")},
        call | {"id": "3", "type": "llm_start"} | begun,
        call | {"id": "4", "type": "llm_progress", "output": ""},
        call
        | {"id": "5", "type": "llm_end", "status": "error", "message": texts["message"]}
        | {"model": f"b{texts['model']}", "finish_reason": texts["finish_reason"]},
    )
    assert (answer["accepted"], answer["rejected"]) == (6, [])
    ended = ModelCall.objects.get()
    stored = {name: getattr(ended, name) for name in texts}
    stored |= {"tool": ToolExecution.objects.get().tool}
    for name, text in [*stored.items(), ("message", Handoff.objects.get().message)]:
        assert "[redacted]" in text
        assert "x9Q" not in text
        assert len(text) <= LIMITS[name]


@pytest.mark.parametrize("alone", [True, False])
def test_an_event_that_cannot_be_stored_is_refused_alone(program, monkeypatch, caplog, alone):
    take = EventApplier._handoff

    def fail(self: EventApplier, event) -> None:
        take(self, event)
        if event.message == "bad":
            raise DataError("value too long for type character varying(500)")

    program.send(BOOT)
    monkeypatch.setattr(EventApplier, "_handoff", fail)
    others = [] if alone else [HANDOFF | {"id": "1"}, HANDOFF | {"id": "3"}]
    answer = program.send(*others[:1], HANDOFF | {"id": "2", "message": "bad"}, *others[1:])
    assert [(each["id"], each["code"]) for each in answer["rejected"]] == [("2", "invalid")]
    assert answer["accepted"] == Handoff.objects.count() == len(others)
    assert "cannot store" in caplog.text


def test_counts_of_a_concurrent_call_are_kept(program, monkeypatch):
    """On PostgreSQL a call that waited for the run's lock has read the counts before its wait."""
    program.send(BOOT)
    note = transactions._note

    def note_after_another_call(*args):
        ReportedRun.objects.update(events_seen=F("events_seen") + 10, beats=True)
        return note(*args)

    monkeypatch.setattr(transactions, "_note", note_after_another_call)
    program.send(HANDOFF | {"id": "1"})
    reported = ReportedRun.objects.get()
    assert (reported.events_seen, reported.beats) == (12, True)
