"""Filtering of lists."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request


class QueryFilter(DjangoFilterBackend):
    """django-filter's backend, skipped for requests that filter nothing.

    The library would build a form for each request.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        filters = getattr(view, "filterset_class", None)
        if filters is None or request.query_params.keys().isdisjoint(filters.base_filters):
            return queryset
        return super().filter_queryset(request, queryset, view)
