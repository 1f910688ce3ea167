"""Statements that insert rows without instances' signals."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from conftest import Tenant
from crews.checked_writes import Incomplete, insert, insert_values, update
from runs.models import ModelCall, OutputChunk, SeenEvent, TaskExecution, ToolExecution

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(acme: Tenant) -> TaskExecution:
    run = acme.start_run()
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


@pytest.mark.parametrize("number", [1, 200])
def test_rows_are_stored_as_save_stores_them(task, number):
    """More than one statement's worth, with JSON, decimals, times, nulls and keys of a database."""
    now = timezone.now()
    tools = [
        ToolExecution(task_execution=task, tool="script", params=params, started_at=now)
        for params in ({"a": [1, None, "x"]}, {}) * number
    ]
    insert(ToolExecution, tools)
    for tool in tools[:2]:
        stored = ToolExecution.objects.get(pk=tool.pk)
        for field in ToolExecution._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(tool, field.attname), field
    call = ModelCall(run=task.run, agent_id="orion", started_at=now, cost_usd="0.25", model="m")
    call.cost_source, call.ended_at = "reported", now + timedelta(seconds=1)
    call.status = "success"
    insert(ModelCall, [call])
    assert ModelCall.objects.get().duration_s == 1
    insert(OutputChunk, [OutputChunk(execution=tools[0], offset=0, text="a")])
    assert tools[0].output == "a"


@pytest.mark.parametrize("model", [ModelCall, ToolExecution])
def test_a_record_that_is_made_is_what_django_makes(task, model):
    about = {"run": task.run} if model is ModelCall else {"task_execution": task}
    about |= {"started_at": timezone.now(), "message": "a"}
    ours, djangos = model.made(**about), model(**about)
    assert {*ours.__dict__} == {*djangos.__dict__}
    for field in model._meta.concrete_fields:
        if not field.primary_key:
            assert getattr(ours, field.attname) == getattr(djangos, field.attname), field
    assert ours.pk != djangos.pk or ours.pk is None
    assert ours._state.adding
    assert ours.loaded == {}
    assert ours.changed() == djangos.changed()
    assert all(getattr(ours, name) is about[name] for name in about)
    with pytest.raises(TypeError):
        model.made(**about, unknown=1)


def test_a_row_that_exists_fails_or_is_left_out(task):
    fields = [SeenEvent._meta.get_field(name) for name in ("run", "digest")]
    insert_values(SeenEvent, fields, [(task.run_id, b"\0\1")])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_values(SeenEvent, fields, [(task.run_id, b"\0\1")])
    rows = [(task.run_id, digest) for digest in (b"\0\1", b"\0\2")]
    insert_values(SeenEvent, fields, rows, ignore_conflicts=True)
    assert sorted(map(bytes, SeenEvent.objects.values_list("digest", flat=True))) == [
        b"\0\1",
        b"\0\2",
    ]


def test_text_numbers_and_nested_json_are_stored_as_they_are(task):
    params = {"'\"\\%s": ["\\", "é\u2028🙂", 2**70, 0.1, -2.5, True, None, {"": {}}]}
    tool = ToolExecution(
        task_execution=task, tool="%s'\\", params=params, started_at=timezone.now()
    )
    insert(ToolExecution, [tool])
    stored = ToolExecution.objects.get()
    assert (stored.tool, stored.params) == (tool.tool, params)
    tool.message = "\\x00 is text"
    fields = [ToolExecution._meta.get_field(name) for name in ("id", "message", "params")]
    update(ToolExecution, fields, [tool]).execute()
    stored.refresh_from_db()
    assert (stored.message, stored.params) == (tool.message, params)
    gone = ToolExecution(task_execution=task, tool="gone", started_at=timezone.now())
    with pytest.raises(Incomplete), transaction.atomic():
        update(ToolExecution, fields, [tool, gone]).execute()
