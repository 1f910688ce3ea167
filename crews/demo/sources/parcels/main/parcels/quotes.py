"""Quotes of carriers, kept as long as they hold."""

import time
from collections.abc import Callable, Hashable
from decimal import Decimal


class Quotes:
    """Asks ``carrier`` for a quote and keeps the answer for ``holds_s`` seconds."""

    def __init__(self, carrier: Callable[[Hashable], Decimal], holds_s: float) -> None:
        self._carrier = carrier
        self._holds_s = holds_s
        self._kept: dict[Hashable, tuple[float, Decimal]] = {}

    def get(self, parcel: Hashable) -> Decimal:
        now = time.monotonic()
        if parcel in self._kept:
            asked_at, quote = self._kept[parcel]
            if now - asked_at < self._holds_s:
                return quote
        quote = self._carrier(parcel)
        self._kept[parcel] = (now, quote)
        return quote
