"""Pages that begin after a row instead of at a number: each costs the same, however long the list."""

from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

SALT = "page of a list"


def following(ordering: tuple[str, ...], values: list[Any]) -> Q:
    """What comes after a row with ``values``: beyond the first, or level with it and beyond the second...

    The last field of ``ordering`` must tell any two rows apart.
    """
    after, level = Q(), Q()
    for field, value in zip(ordering, values, strict=True):
        name = field.lstrip("-")
        beyond = "lt" if field.startswith("-") else "gt"
        after |= level & Q(**{f"{name}__{beyond}": value})
        level &= Q(**{name: value})
    # Implied by the rest; with it a database begins at this place of an index, not at its start.
    first, bound = ordering[0].lstrip("-"), "lte" if ordering[0].startswith("-") else "gte"
    return Q(**{f"{first}__{bound}": values[0]}) & after


class KeysetPage:
    """One page of ``rows``, from ``?after=`` or ``?before=`` a row of another page, else the first.

    ``newer`` and ``older`` are the values of ``before`` and ``after`` that lead to the pages beside it,
    empty where there is none. A value that no page gave leads to the first page.
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
    """The place of ``row``, signed: nobody makes the database compare a date with something else."""
    values = [str(getattr(row, field.lstrip("-"))) for field in ordering]
    # Without the time, which would give the same page another ETag each second.
    return signing.Signer(salt=salt).sign_object(values)


def _read(place: str | None) -> list[str] | None:
    try:
        return signing.Signer(salt=SALT).unsign_object(place) if place else None
    except signing.BadSignature:
        return None
