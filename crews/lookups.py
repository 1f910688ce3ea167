"""The look-up of the record that a request is about."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from structlog.contextvars import bind_contextvars

Record = TypeVar("Record", bound=Model)


def record_or_404(rows: QuerySet[Record], pk: UUID) -> Record:
    """Return the one of ``rows`` with this key, whose ids the log lines of the request then have.

    ``rows`` are those that the user may see. Raises ``Http404``.
    """
    record = get_object_or_404(rows, pk=pk)
    bind_contextvars(**record.log_ids)
    return record
