"""Deletion of records that may have too many rows to wait for: see `crews.deletion`."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from crews.tracking import InvalidState

REMOVED_IN_BACKGROUND = (
    "It has left every list. The data that belongs to it is removed in the background, which may "
    "take minutes."
)


class DeletesInBackground:
    """For an admin. ``delete_records`` removes the records from every list at once."""

    def delete_records(self, records: Iterable[Model]) -> None:
        """Raises ``InvalidState`` if one of the records cannot be deleted now."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.delete_records([obj])
        messages.info(request, REMOVED_IN_BACKGROUND)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.delete_records(queryset)
        messages.info(
            request,
            REMOVED_IN_BACKGROUND.replace("It has", "They have").replace("to it", "to them"),
        )

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_refused(super().delete_view, request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_refused(super().changelist_view, request, *args, **kwargs)

    def _or_refused(
        self, view: Any, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show an ``InvalidState``: a run may have started since the confirmation page."""
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except InvalidState as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(request.get_full_path())
