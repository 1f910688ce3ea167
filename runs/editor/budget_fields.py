"""The fields of a crew's budgets in the editor's form."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from crews.models import Crew
from crews.models.budget import BUDGET_FIELDS, LIMIT_FIELDS, AtLimit, Measure, Period
from crews.text import plain_number
from crews.zones import ZONE_LIMIT
from runs.editor.fields import Field
from runs.editor.parameters import number

USED_MORE = {
    Period.RUN: "When a run uses more",
    Period.DAY: "When the runs of a day use more",
}


def shown(description: Mapping[str, Any]) -> dict[str, str]:
    """The values of the budget fields as text."""
    return {name: _text(description[name]) for name in BUDGET_FIELDS}


def of_post(post: Mapping[str, str]) -> dict[str, str]:
    return {name: post.get(name, "").strip() for name in BUDGET_FIELDS}


def described(texts: Mapping[str, str]) -> dict[str, Any]:
    """As ``checking.check`` takes them."""
    values: dict[str, Any] = {name: number(texts.get(name, "")) for name in LIMIT_FIELDS}
    others = [name for name in BUDGET_FIELDS if name not in LIMIT_FIELDS]
    return values | {name: texts[name] for name in others if texts.get(name)}


def fields_of(texts: Mapping[str, str], make: Callable[..., Field], period: str) -> Iterator[Field]:
    """The fields of a period. ``make`` adds the faults."""
    for measure in Measure:
        name = f"budget_{period}_{measure}"
        yield make(
            name,
            measure.label,
            "text" if measure == Measure.USD else "number",
            texts.get(name, ""),
            help=str(Crew._meta.get_field(name).help_text),
        )
    name = f"budget_{period}_at_limit"
    value = texts.get(name) or AtLimit.CANCEL
    about = str(Crew._meta.get_field(name).help_text)
    choices = AtLimit.choices
    yield make(name, USED_MORE[Period(period)], "choice", value, help=about, choices=choices)
    if period == Period.DAY:
        about = str(Crew._meta.get_field("budget_zone").help_text)
        zone = texts.get("budget_zone") or "UTC"
        limits = {"maxlength": ZONE_LIMIT}
        yield make("budget_zone", "Time zone", "text", zone, help=about, limits=limits)


def _text(value: Any) -> str:
    return "" if value is None else plain_number(value)
