"""Cursor pagination of lists: rows that are added meanwhile move no row to another page."""

from typing import Any

from django.core import signing
from django.db.models import Model, QuerySet
from rest_framework import pagination
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from crews import keyset

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


class CursorPagination(pagination.BasePagination):
    """``{"next": url | null, "results": [...]}``, sorted by the view's ``ordering``.

    The last field of ``ordering`` must be unique, so that a page begins exactly after the previous
    one, whatever values the rows have in common. Cursors are signed, so a client cannot make the
    database compare a date with another type. Raises ``ValidationError`` for a ``cursor`` that no
    page gave and for an invalid ``page_size``.
    """

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: Any) -> list[Model]:
        self.url = request.build_absolute_uri()
        self.ordering = view.ordering
        size = _page_size(request)
        if cursor := request.query_params.get("cursor"):
            queryset = queryset.filter(keyset.following(self.ordering, self._decode(cursor)))
        rows = list(queryset.order_by(*self.ordering)[: size + 1])
        self.last = rows[size - 1] if len(rows) > size else None
        return rows[:size]

    def get_paginated_response(self, data: list[Any]) -> Response:
        after = self.last and replace_query_param(self.url, "cursor", self._encode(self.last))
        return Response({"next": after, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {
            "type": "string",
            "format": "uri",
            "nullable": True,
            "description": "The next page; null: this is the last one.",
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE}
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Where to go on; it stands in the `next` of a page.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "description": "Results on a page.",
                "schema": size,
            },
        ]

    def _encode(self, row: Model) -> str:
        return keyset.write(row, self.ordering, self._salt)

    def _decode(self, cursor: str) -> list[str]:
        try:
            return signing.Signer(salt=self._salt).unsign_object(cursor)
        except signing.BadSignature as error:
            raise ValidationError(
                {"cursor": "Take the cursor from the `next` of a page."}
            ) from error

    @property
    def _salt(self) -> str:
        return f"cursor {self.url.partition('?')[0]}"


def _page_size(request: Request) -> int:
    asked = request.query_params.get("page_size", str(PAGE_SIZE))
    if asked.isascii() and asked.isdigit() and len(asked) < 10 and 1 <= int(asked) <= MAX_PAGE_SIZE:
        return int(asked)
    raise ValidationError({"page_size": f"Give a whole number from 1 to {MAX_PAGE_SIZE}."})
