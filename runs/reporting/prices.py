"""The cost of a model call where its reporter does not give one, from the package's price list.

The list is part of `genai-prices`, so no network is needed. It is read when the first cost is
computed, because it takes 30 MB. The package's own look-ups cache every name that they are given,
so this module caches a limited number instead.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from runs.models import ModelCall

NAMES_KEPT = 512
SMALLEST = Decimal(1).scaleb(-ModelCall._meta.get_field("cost_usd").decimal_places)
COST_AT_MOST = Decimal(10**12)
MILLION = 10**6


class Rates(NamedTuple):
    """US dollars of a call, of an input token and of an output token.

    A token of the input that was read from a cache costs ``cached`` in addition, mostly below 0,
    and one that was written to a cache costs ``written`` in addition.
    """

    call: Decimal
    input: Decimal
    output: Decimal
    cached: Decimal
    written: Decimal


def cost_of(
    provider: str,
    model: str,
    *,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_tokens: int | None,
    cache_write_tokens: int | None = None,
    at: datetime,
) -> Decimal | None:
    """Return the cost in US dollars, or ``None`` if a count or the price is unknown."""
    if input_tokens is None or output_tokens is None:
        return None
    found = _find(provider, model)
    if found is None:
        return None
    company, priced = found
    cached_tokens = min(cached_tokens or 0, input_tokens)
    written = min(cache_write_tokens or 0, input_tokens - cached_tokens)
    rates = _rates(company, priced, priced.get_prices(at))
    if rates:
        cost = rates.call + rates.input * input_tokens + rates.output * output_tokens
        cost += rates.cached * cached_tokens + rates.written * written
    else:
        counts = (input_tokens, output_tokens, cached_tokens, written)
        cost = _computed(company, priced, at, *counts)
    # The list has models without prices, whose cost it computes as 0.
    return rounded(cost) if cost is not None and 0 < cost < COST_AT_MOST else None


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


# By the identity of the list's prices, which are kept with them and so never another's.
_known_rates: dict[int, tuple[Any, Rates | None]] = {}


def _rates(company: Any, priced: Any, prices: Any) -> Rates | None:
    """Return what each token costs, or ``None`` if that depends on how many tokens there are.

    The package computes a cost from the whole list of its units, which takes as long as the rest of
    a model call. So it is asked once for each of the list's prices.
    """
    if (known := _known_rates.get(id(prices))) is None:
        known = _known_rates[id(prices)] = prices, _rates_of(company, priced, prices)
    return known[1]


def _rates_of(company: Any, priced: Any, prices: Any) -> Rates | None:
    if not all(value is None or isinstance(value, Decimal) for value in vars(prices).values()):
        return None  # the price of a token falls or rises with their number
    from dataclasses import replace

    alone = replace(priced, prices=prices)
    some = (
        *((0, 0, 0, 0), (MILLION, 0, 0, 0), (0, MILLION, 0, 0)),
        *((MILLION, 0, MILLION, 0), (MILLION, 0, 0, MILLION)),
    )
    costs = [_computed(company, alone, None, *counts) for counts in some]
    if None in costs:
        return None
    call, of_input, of_output, of_cached, of_written = costs
    return Rates(
        call,
        (of_input - call) / MILLION,
        (of_output - call) / MILLION,
        (of_cached - of_input) / MILLION,
        (of_written - of_input) / MILLION,
    )


def _computed(
    company: Any,
    priced: Any,
    at: datetime | None,
    input_tokens: int,
    output_tokens: int,
    cached: int,
    written: int,
) -> Decimal | None:
    """Return what the package computes, or ``None`` if it has no price for a part of this usage."""
    from genai_prices import Usage

    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=written,
    )
    try:
        return priced.calc_price(usage, company, genai_request_timestamp=at).total_price
    except (LookupError, ValueError):
        return None
