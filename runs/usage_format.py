"""Counts of tokens, costs and amounts of budgets as pages show them.

An unknown count is never shown as 0.
"""

from decimal import Decimal

from crews.models.budget import Measure

UNKNOWN = "unknown"
LONGEST = 10_000  # a larger count is rounded


def tokens(count: int | None) -> str:
    """``unknown``, ``812``, ``8,120``, ``81.2k``, ``1.6M``."""
    if count is None:
        return UNKNOWN
    if count < LONGEST:
        return f"{count:,}"
    return f"{count / 1e3:.1f}k" if count < 999_950 else f"{count / 1e6:,.1f}M"


def usd(cost: Decimal | float | None) -> str:
    """``unknown``, ``$0``, ``<$0.0001``, ``$0.0034``, ``$0.12``, ``$1,204.50``."""
    if cost is None:
        return UNKNOWN
    if not cost:
        return "$0"
    if cost < 0.0001:
        return "<$0.0001"
    return f"${cost:.4f}" if cost < 0.1 else f"${cost:,.2f}"


def used_of_limit(used: Decimal, limit: Decimal, measure: str) -> str:
    """``4 of 3 tool calls``, ``2.5 of 3 USD``."""
    return f"{budget_number(used, measure)} of {budget_amount(limit, measure)}"


def budget_amount(value: Decimal, measure: str) -> str:
    """``1,500 tokens``, ``2.5 USD``, ``90.5 minutes``."""
    unit = "USD" if measure == Measure.USD else Measure(measure).label.lower()
    return f"{budget_number(value, measure)} {unit}"


def budget_number(value: Decimal, measure: str) -> str:
    """The same without the unit."""
    places = {Measure.USD: 4, Measure.MINUTES: 1}.get(Measure(measure), 0)
    text = f"{value:,.{places}f}"
    if places:
        text = text.rstrip("0").rstrip(".")
    return text
