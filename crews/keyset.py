"""Pages that begin after a row, not at a number: the length of the list adds no cost."""

from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

SALT = "page of a list"


def following(ordering: tuple[str, ...], values: list[Any]) -> Q:
    """Condition for the rows after a row with ``values``, in the order of ``ordering``.

    Such a row is beyond it in the first field, or equal in the first and beyond it in the second,
    and so on. The last field of ``ordering`` must be unique.
    """
    after, level = Q(), Q()
    for field, value in zip(ordering, values, strict=True):
        name = field.lstrip("-")
        beyond = "lt" if field.startswith("-") else "gt"
        after |= level & Q(**{f"{name}__{beyond}": value})
        level &= Q(**{name: value})
    # The rest implies this. With it a database begins at this position of an index, not at its
    # start.
    first, bound = ordering[0].lstrip("-"), "lte" if ordering[0].startswith("-") else "gte"
    return Q(**{f"{first}__{bound}": values[0]}) & after


class KeysetPage:
    """One page of ``rows``: after the row ``?after=``, before the row ``?before=``, or the first.

    ``newer`` and ``older`` are the values of ``before`` and ``after`` for the next page on each
    side, empty if there is none. A value that no page gave leads to the first page.
    """

    def __init__(
        self, rows: QuerySet, query: QueryDict, *, ordering: tuple[str, ...], size: int
    ) -> None:
        self._ordering = ordering
        before, after = _read(query.get("before")), _read(query.get("after"))
        turned = tuple(f[1:] if f.startswith("-") else f"-{f}" for f in ordering)
        order = turned if before else ordering
        if place := before or after:
            rows = rows.filter(following(order, place))
        found = list(rows.order_by(*order)[: size + 1])
        goes_on, found = len(found) > size, found[:size]
        self.rows = found[::-1] if before else found
        has_newer, has_older = (goes_on, True) if before else (bool(after), goes_on)
        self.newer = self._place(0) if has_newer and found else ""
        self.older = self._place(-1) if has_older and found else ""

    def __iter__(self):
        return iter(self.rows)

    def _place(self, index: int) -> str:
        return write(self.rows[index], self._ordering, SALT)


def write(row: Model, ordering: tuple[str, ...], salt: str) -> str:
    """The position of ``row``, signed.

    The signature keeps a client from making the database compare a date with another type.
    """
    values = [str(getattr(row, field.lstrip("-"))) for field in ordering]
    # Signed without the time, which would give the same page another ETag each second.
    return signing.Signer(salt=salt).sign_object(values)


def _read(place: str | None) -> list[str] | None:
    try:
        return signing.Signer(salt=SALT).unsign_object(place) if place else None
    except signing.BadSignature:
        return None
