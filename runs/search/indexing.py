"""Makes the documents of runs. Each pass takes the calls and runs that ended since the last one.

Those without a document are found by comparing the tables, not by notes of the processes that
report: reporting costs the same with the index as without it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from crews.outages import is_outage
from runs.models import ModelCall, Run, ToolExecution
from runs.search import scope, texts
from runs.search.models import Document, IndexJob
from runs.search.models.document import new_id
from runs.search.words import vector, words_of

DELAY_S = 5.0  # from the end of a call or run until it is indexed, on an idle server
SHARE = 20  # the shortest time between two passes over a run, in durations of a pass
JOBS = 200  # runs in one pass
BACKLOG_JOBS = 20
DOCUMENTS = 50  # in one pass, of each kind; one transaction writes those of one run
AGAIN_S = 60.0  # after a failure

logger = logging.getLogger(__name__)

Kind = Document.Kind
Outcome = Document.Outcome
_OUTCOMES = {
    "success": Outcome.SUCCEEDED,
    "error": Outcome.FAILED,
    "completed_with_errors": Outcome.FAILED,
    "cancelled": Outcome.CANCELLED,
}


def index_due(goes_on: Callable[[float], bool] = lambda took_s: True) -> int:
    """Index the due runs, then the backlog, until none is left. Returns the number of documents.

    ``goes_on`` is called after each part with the seconds it took; False ends the work.
    """
    made = 0
    while True:
        began = monotonic()
        jobs = list(_with_runs(IndexJob.objects.unscoped().due())[:JOBS])
        jobs = jobs or list(_with_runs(IndexJob.objects.unscoped().backlog())[:BACKLOG_JOBS])
        if not jobs:
            return made
        made += _index_jobs(jobs, began)
        if not goes_on(monotonic() - began):
            return made


def _with_runs(jobs: QuerySet) -> QuerySet:
    return jobs.select_related("run__crew", "run__reported").defer("run__plan", "run__remains")


def _index_jobs(jobs: Sequence[IndexJob], began: float) -> int:
    """Index a part of the ended calls of these runs, or close and postpone their jobs."""
    queued = [job for job in jobs if job.run.status == Run.Status.QUEUED]
    if queued:  # without a query for each: there may be thousands
        IndexJob.objects.unscoped().postpone(queued, DELAY_S)
    runs = {job.pk: job.run for job in jobs if job.run.status != Run.Status.QUEUED}
    documents, is_complete = _missing(runs)
    by_run: defaultdict[UUID, list[Document]] = defaultdict(list)
    for document in documents:
        by_run[document.run_id].append(document)
    failed = {pk for pk, made in by_run.items() if not _saves(made)}
    if failed:
        IndexJob.objects.unscoped().postpone([j for j in jobs if j.pk in failed], AGAIN_S)
    if not is_complete:
        return len(documents)
    # The jobs were read before their tools and calls, and what belongs to an ended run has ended.
    rest = [job for job in jobs if job.pk in runs and job.pk not in failed]
    over = [job for job in rest if job.run.is_over and _saves([_of_run(job.run)])]
    going = [job for job in rest if job not in over]
    IndexJob.objects.unscoped().close(over)
    if going:
        pause_s = max(DELAY_S, SHARE * (monotonic() - began))
        IndexJob.objects.unscoped().postpone(going, pause_s)
    return len(documents) + len(over)


def _missing(runs: dict[UUID, Run]) -> tuple[list[Document], bool]:
    """Documents to make of tool and model calls, and whether these are all of them."""
    tools = ToolExecution.objects.unscoped().filter(task_execution__run__in=runs)
    tools = _without(tools, Kind.TOOL).select_related("task_execution")
    calls = ModelCall.objects.unscoped().filter(run__in=runs)
    calls = _without(calls, Kind.MODEL_CALL).select_related("task_execution")
    found_tools, found_calls = list(tools[:DOCUMENTS]), list(calls[:DOCUMENTS])
    is_complete = len(found_tools) < DOCUMENTS and len(found_calls) < DOCUMENTS
    text_of = texts.of_tools(found_tools) | texts.of_calls(found_calls)
    documents = [
        _document(
            runs[tool.task_execution.run_id],
            Kind.TOOL,
            tool,
            text_of[tool.pk],
            name=tool.tool,
            task=tool.task_execution.name,
            agent_id=tool.agent_id,
        )
        for tool in found_tools
    ]
    documents += [
        _document(
            runs[call.run_id],
            Kind.MODEL_CALL,
            call,
            text_of[call.pk],
            name=call.model or call.provider,
            task=call.task_execution.name if call.task_execution else "",
            agent_id=call.agent_id,
        )
        for call in found_calls
    ]
    return documents, is_complete


def _without(rows: QuerySet, kind: str) -> QuerySet:
    """Those of the rows that have ended and have no document."""
    known = Document.objects.unscoped().filter(kind=kind, object_id=OuterRef("pk"))
    return rows.exclude(status="running").filter(~Exists(known)).order_by()


def _of_run(run: Run) -> Document:
    return _document(run, Kind.RUN, run, texts.of_run(run), name=run.crew_name)


def _document(run: Run, kind: str, record: Any, text: str, **fields: str) -> Document:
    ended_at: datetime = record.ended_at
    return Document(
        id=new_id(ended_at),
        organization_id=run.crew.organization_id,
        crew_id=run.crew_id,
        run=run,
        kind=kind,
        object_id=record.pk,
        outcome=_OUTCOMES.get(record.status, record.status),
        ended_at=ended_at,
        text=text,
        **fields,
    )


def _saves(documents: list[Document]) -> bool:
    """Save documents of one run. False if that failed, which is logged: it is tried again later."""
    try:
        _save(documents)
    except Exception as error:
        if is_outage(error):  # nothing else could be saved either
            raise
        logger.exception("Run %s could not be indexed", documents[0].run_id)
        return False
    return True


def _save(documents: list[Document]) -> None:
    """Save documents of one run, in one transaction.

    If another process saves the same, one of them succeeds. Nothing is saved of a run that is
    removed meanwhile: the constraint of the run refuses it at the commit.
    """
    for is_last in (False, True):
        _find_free_ids(documents)
        words = [words_of(document.text) for document in documents]
        try:
            with transaction.atomic():
                return insert(documents, words)
        except IntegrityError:
            if not Run.objects.unscoped().filter(pk=documents[0].run_id).exists():
                return
            documents = _unsaved(documents)
            if not documents:
                return
            if is_last:
                raise


def _unsaved(documents: list[Document]) -> list[Document]:
    ids = [document.object_id for document in documents]
    known = Document.objects.unscoped().filter(object_id__in=ids)
    saved = set(known.values_list("kind", "object_id"))
    return [each for each in documents if (each.kind, each.object_id) not in saved]


def _find_free_ids(documents: Sequence[Document]) -> None:
    """Give other ids to those whose ids are taken: many things may end in the same millisecond."""
    taken: set[int] = set()
    while True:
        ids = [document.pk for document in documents]
        known = Document.objects.unscoped().filter(pk__in=ids)
        taken |= set(known.values_list("pk", flat=True))
        seen: set[int] = set()
        again = False
        for document in documents:
            if document.pk in taken or document.pk in seen:
                document.pk, again = new_id(document.ended_at), True
            seen.add(document.pk)
        if not again:
            return


def insert(documents: Sequence[Document], words: Sequence[list[str]]) -> None:
    """Insert documents with free ids and the words of each."""
    scopes = [_scope(document) for document in documents]
    if connection.vendor == "postgresql":
        for document, found, names in zip(documents, words, scopes, strict=True):
            document.vector = vector(found, names)
    Document.objects.bulk_create(documents)
    if connection.vendor == "sqlite":
        rows = zip(documents, words, scopes, strict=True)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO search_words (rowid, words, scope) VALUES (%s, %s, %s)",
                [(each.pk, " ".join(found), " ".join(names)) for each, found, names in rows],
            )


def _scope(document: Document) -> list[str]:
    return [
        scope.organization(document.organization_id),
        scope.crew(document.crew_id),
        scope.kind(document.kind),
        scope.outcome(document.outcome),
    ]
