"""Counts of tokens and costs as pages show them. An unknown count is never shown as 0."""

from decimal import Decimal

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
