"""The cost of a model call where its reporter does not give one, from the package's price list.

The list is part of `genai-prices`, so no network is needed. It is read when the first cost is
computed, because it takes 30 MB. The package's own look-ups cache every name that they are given,
so this module caches a limited number instead.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from runs.models import ModelCall

NAMES_KEPT = 512
SMALLEST = Decimal(1).scaleb(-ModelCall._meta.get_field("cost_usd").decimal_places)
COST_AT_MOST = Decimal(10**12)


def cost_of(
    provider: str,
    model: str,
    *,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_tokens: int | None,
    at: datetime,
) -> Decimal | None:
    """Return the cost in US dollars, or ``None`` if a count or the price is unknown."""
    if input_tokens is None or output_tokens is None:
        return None
    found = _find(provider, model)
    if found is None:
        return None
    from genai_prices import Usage

    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=min(cached_tokens or 0, input_tokens),
    )
    company, priced = found
    try:
        cost = priced.calc_price(usage, company, genai_request_timestamp=at).total_price
    except (LookupError, ValueError):  # the list has no price for a part of this usage
        return None
    # The list has models without prices, whose cost it computes as 0.
    return rounded(cost) if 0 < cost < COST_AT_MOST else None


def rounded(cost: Decimal) -> Decimal:
    return cost.quantize(SMALLEST)


@lru_cache(maxsize=NAMES_KEPT)
def _find(provider: str, model: str) -> Any | None:
    """Return the provider and the model of the price list, or ``None``."""
    from genai_prices.data import providers
    from genai_prices.data_snapshot import find_provider_by_id

    company = find_provider_by_id(providers, provider)
    priced = company and company.find_model(model, all_providers=providers)
    return (company, priced) if priced else None
