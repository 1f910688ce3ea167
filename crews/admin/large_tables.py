"""Lists of tables that grow: the cost of a page does not depend on the size of the table."""

from uuid import UUID

from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNTED_ROWS = 1_000  # rows that are counted at most, in lists and for a deletion
SEARCHED_ROWS = 1_000  # records that a search finds at most, to show what belongs to them


class CappedPaginator(Paginator):
    """Counts at most ``COUNTED_ROWS``. Filters and the search find rows that are further back."""

    @cached_property
    def count(self) -> int:
        # The order has an index. Without an order a database may read all rows for a join.
        return self.object_list[:COUNTED_ROWS].count()


class LargeTableAdmin:
    """For the list of a table that grows: its cost does not depend on the size of the table.

    The list is sorted like an index, counts at most ``COUNTED_ROWS`` rows and searches only with
    ``matching``, which uses an index.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 25  # a row is some 6 KB of unfold's markup
    list_max_show_all = 0
    list_disable_select_all = True  # it would show a number that is not the number of rows

    def matching(self, request: HttpRequest, term: str) -> Q:
        """Condition for the rows that ``term`` finds."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if term := search_term.strip():
            queryset = queryset.filter(self.matching(request, term))
        return queryset, False


def id_begins_with(text: str, field: str = "pk") -> Q:
    """Rows whose UUID begins with ``text``, as a range of the index.

    ``text`` needs at least 8 hexadecimal digits; any other text finds no rows.
    """
    digits = text.replace("-", "").lower()
    if not 8 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return Q(pk__in=[])
    bounds = (UUID(digits.ljust(32, digit)) for digit in "0f")
    return Q(**{f"{field}__range": tuple(bounds)})


def counted(rows: QuerySet, of: str) -> Combinable:
    """The number of ``rows`` that belong to a record of a list, queried for each record shown."""
    own = rows.filter(**{of: OuterRef("pk")}).order_by().values(of)
    return Coalesce(Subquery(own.annotate(number=Count("pk")).values("number")), 0)
