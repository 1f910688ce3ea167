"""What of a run is indexed, when, and how it goes with the run."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from conftest import Tenant
from crews.models import Organization
from runs.execution import removal, retention
from runs.models import CallText, ModelCall, OutputChunk, Run, ToolExecution
from runs.search import indexing, texts
from runs.search.models import Document, IndexJob
from runs.search.models.document import DOCUMENT_TEXT_LIMIT, first_id, new_id
from runs.search.tests.scene import end_tool, found, index
from runs.search.tests.scene import texts as indexed_texts
from runs.tests.scene import fail

pytestmark = pytest.mark.django_db


def words_left() -> int:
    """Rows of SQLite's index of words, which is a table of its own."""
    if connection.vendor != "sqlite":
        return Document.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search_words")
        return cursor.fetchone()[0]


def test_a_tool_is_found_while_its_run_goes_on_and_once(acme: Tenant):
    tool = end_tool(
        acme, "Traceback: \x1b[31mConnectionResetError\x1b[0m", params={"code": "pull it"}
    )
    assert index() == 1
    assert index() == 0
    for text in ("ConnectionReset", "pull it", "Orion", "script"):
        assert found(acme.viewer, text) == [str(tool.pk)]
    assert IndexJob.objects.filter(run=tool.task_execution.run_id).exists()


def test_a_tool_that_is_running_is_not_indexed(acme: Tenant):
    run = acme.start_run()
    tool = end_tool(acme, run=run)
    ToolExecution.objects.start(task_execution=tool.task_execution, tool="script", params={})
    assert index() == 1


def test_an_ended_run_is_indexed_with_the_reasons_and_its_job_goes(acme: Tenant):
    run = acme.start_run()
    tool = fail(run)
    assert index() == 2
    assert not IndexJob.objects.exists()
    assert found(acme.viewer, "it broke") == [str(run.pk)]
    documents = {each.kind: each for each in Document.objects.all()}
    assert documents["run"].outcome == documents["tool"].outcome == "failed"
    assert documents["tool"].object_id == tool.pk
    assert documents["tool"].task == "Orion works"
    assert documents["tool"].agent_id == "orion"
    assert documents["run"].name == run.crew_name


def test_a_queued_run_is_looked_at_later(acme: Tenant):
    run = Run.objects.request(crew=acme.crew)
    before = timezone.now()
    assert index() == 0
    later = IndexJob.objects.get(run=run).due_at - before
    assert later > timedelta(seconds=indexing.DELAY_S - 1)
    run.cancel()
    assert index() == 1
    assert Document.objects.get().outcome == "cancelled"


def test_model_calls_are_found_by_what_was_asked_and_answered(acme: Tenant):
    run = acme.start_run()
    call = ModelCall.objects.start(
        run=run, id=uuid.uuid4(), at=timezone.now(), agent_id="orion", model="gpt-x", provider="p"
    )
    call.keep(CallText.Part.INPUT, "old words " * 2_000 + "the newest question")
    call.keep(CallText.Part.OUTPUT, "first answer " + "x " * 20_000)
    call.keep(CallText.Part.OUTPUT, "last answer")
    call.end("success")
    index()
    for text in ("newest question", '"first answer"', '"last answer"', "gpt-x"):
        assert found(acme.viewer, text) == [str(call.pk)]
    assert len(Document.objects.get().text) <= DOCUMENT_TEXT_LIMIT


@pytest.mark.parametrize("pieces", [1, 7, 400], ids=["one", "some", "many"])
def test_of_a_long_output_the_beginning_and_the_end_are_indexed(acme: Tenant, pieces):
    tool = end_tool(acme)
    text = "begin here " + "middle " * 8_000 + "the end"
    size = -(-len(text) // pieces)
    chunks = [
        OutputChunk(execution=tool, offset=start, text=text[start : start + size])
        for start in range(0, len(text), size)
    ]
    OutputChunk.objects.bulk_create(chunks)
    QuerySet.update(ToolExecution.objects.filter(pk=tool.pk), output_length=len(text))
    tool.refresh_from_db()
    (kept,) = texts._outputs([tool]).values()
    assert kept == f"{text[: texts.HEAD]}{texts.GAP}{text[-texts.TAIL :]}"


@pytest.mark.parametrize("length", [0, 1, texts.HEAD, texts.TAIL, texts.HEAD + texts.TAIL])
def test_a_shorter_output_is_indexed_as_it_is(acme: Tenant, length):
    output = ("word " * length)[:length]
    tool = end_tool(acme, output)
    tool.refresh_from_db()
    assert texts._outputs([tool]) == ({tool.pk: output} if output else {})


def test_what_ended_in_the_same_millisecond_has_ids_of_its_own(acme: Tenant, monkeypatch):
    same = iter([7] * 3 + [*range(1_000)])
    monkeypatch.setattr(indexing, "new_id", lambda moment: next(same))
    run = acme.start_run()
    for _ in range(4):
        end_tool(acme, run=run)
    assert index() == 4
    assert Document.objects.values("id").distinct().count() == 4


@pytest.mark.parametrize("year", [1970, 2026, 9000])
def test_ids_follow_the_time_and_fit(year):
    moment = datetime(year, 1, 2, tzinfo=UTC)
    assert 0 <= first_id(moment) <= new_id(moment) < 2**63
    assert year == 9000 or first_id(moment + timedelta(milliseconds=1)) > new_id(moment)


def test_a_removed_run_leaves_nothing(acme: Tenant, settings):
    run = acme.start_run()
    fail(run)
    other = end_tool(acme, "hello")
    assert index() == 3
    QuerySet.update(Run.objects.filter(pk=run.pk), ended_at=timezone.now() - timedelta(days=10))
    settings.RUNS_RETENTION_DAYS = 5
    retention.clean()
    assert indexed_texts() == [Document.objects.get(object_id=other.pk).text]
    assert words_left() == 1


def test_a_deleted_run_is_not_found_from_then_on(acme: Tenant, superuser):
    run = acme.start_run()
    fail(run)
    index()
    removal.delete([run.pk])
    for user in (acme.admin, superuser):
        assert found(user, "broke") == found(user, "") == []
    removal.remove_deleted(removal.no_throttle)
    assert Document.objects.count() == words_left() == 0


@pytest.mark.parametrize("what", ["crew", "organization", "run"])
def test_django_deletes_documents_with_what_they_belong_to(acme: Tenant, what):
    fail(acme.start_run())
    end_tool(acme, "hello").task_execution.run.finish("succeeded")
    index()
    assert Document.objects.count() == 4
    if what == "organization":
        Organization.objects.get(pk=acme.organization.pk).delete()
    elif what == "crew":
        acme.crew.delete()
    else:
        for run in acme.crew.runs.all():
            run.delete()
    assert Document.objects.count() == words_left() == IndexJob.objects.count() == 0


def test_what_was_there_before_the_index_is_indexed_the_newest_first(acme: Tenant):
    runs = [acme.start_run() for _ in range(2)]
    for run in runs:
        fail(run)
    IndexJob.objects.all().delete()
    assert index() == 0
    call_command("index_search", "--all")
    assert Document.objects.filter(kind="run").count() == 2
    assert not IndexJob.objects.exists()
    call_command("index_search", "--all")  # harmless
    assert Document.objects.count() == 4


def test_a_run_that_cannot_be_indexed_keeps_no_other_from_it(acme: Tenant, monkeypatch):
    bad, good = end_tool(acme, "a bad one"), end_tool(acme, "a good one")
    words_of = indexing.words_of

    def fails(text: str) -> list[str]:
        if "bad" in text:
            raise RuntimeError
        return words_of(text)

    monkeypatch.setattr(indexing, "words_of", fails)
    assert index() >= 1
    assert found(acme.viewer, "one") == [str(good.pk)]
    monkeypatch.undo()
    index()
    assert found(acme.viewer, "one") == [str(good.pk), str(bad.pk)]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_indexed_of_a_run_that_is_removed_meanwhile(acme: Tenant, monkeypatch):
    run = acme.start_run()
    fail(run)
    words_of = indexing.words_of

    def remove(text: str) -> list[str]:
        removal.remove([run.pk])
        return words_of(text)

    monkeypatch.setattr(indexing, "words_of", remove)
    index()
    assert Document.objects.count() == words_left() == 0


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_index_the_same_only_once(acme: Tenant, monkeypatch):
    tool = end_tool(acme, "hello")
    words_of = indexing.words_of

    def meanwhile(text: str) -> list[str]:
        monkeypatch.setattr(indexing, "words_of", words_of)
        index()
        return words_of(text)

    monkeypatch.setattr(indexing, "words_of", meanwhile)
    index()
    assert Document.objects.get().object_id == tool.pk
    assert words_left() == 1


def test_a_transaction_that_is_rolled_back_leaves_no_words(acme: Tenant):
    end_tool(acme, "hello")
    with transaction.atomic():
        index()
        transaction.set_rollback(True)
    assert Document.objects.count() == words_left() == 0
    assert index() == 1
