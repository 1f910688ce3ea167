"""Lists of tables that grow: what a page costs does not depend on how much is in the table."""

from uuid import UUID

from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNTED = 1_000  # rows at most, in lists and of what a deletion takes along


class CappedPaginator(Paginator):
    """Counts ``COUNTED`` rows and no more. What is further back is found by filters and by search."""

    @cached_property
    def count(self) -> int:
        # In its order, which has an index; in none a database may read all to join it.
        return self.object_list[:COUNTED].count()


class Growing:
    """For the list of a table that grows: what it costs does not depend on how much is in the table.

    It is sorted as an index is, counts no further than ``COUNTED`` and searches only by what
    ``matching`` finds through an index.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 25  # a row is some 6 KB of unfold's markup
    list_max_show_all = 0
    list_disable_select_all = True  # it would name a number that is not that of the rows

    def matching(self, request: HttpRequest, term: str) -> Q:
        """Rows that ``term`` finds."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if term := search_term.strip():
            queryset = queryset.filter(self.matching(request, term))
        return queryset, False


def id_begins_with(text: str, field: str = "pk") -> Q:
    """Rows whose UUID begins with ``text``, as a range of the index; none where it is no such text."""
    digits = text.replace("-", "").lower()
    if not 8 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return Q(pk__in=[])
    bounds = (UUID(digits.ljust(32, digit)) for digit in "0f")
    return Q(**{f"{field}__range": tuple(bounds)})
