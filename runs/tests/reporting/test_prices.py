"""Costs from the price list of the package, without the network."""

import socket
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from runs.reporting import prices

AT = datetime(2026, 1, 1, tzinfo=UTC)
COUNTS = {"input_tokens": 1_000_000, "output_tokens": 100_000, "cached_tokens": None, "at": AT}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    prices._find.cache_clear()


def test_a_known_model_has_a_price():
    assert prices.cost_of("openai", "gpt-4o-mini", **COUNTS) == Decimal("0.21")


def test_cached_tokens_are_a_part_of_the_input_and_cost_less():
    whole = prices.cost_of("anthropic", "claude-sonnet-4-5", **COUNTS)
    cached = prices.cost_of("anthropic", "claude-sonnet-4-5", **COUNTS | {"cached_tokens": 900_000})
    assert 0 < cached < whole


@pytest.mark.parametrize(
    ("provider", "model", "counts"),
    [
        ("no-such", "gpt-4o-mini", {}),
        ("openai", "no-such-model", {}),
        ("", "", {}),
        ("openai", "gpt-4o-mini", {"input_tokens": None}),
        ("openai", "gpt-4o-mini", {"output_tokens": None}),
        ("azure", "phi-4-reasoning:free", {}),  # in the list, without a price
    ],
)
def test_an_unknown_price_is_no_cost_of_0(provider, model, counts):
    assert prices.cost_of(provider, model, **COUNTS | counts) is None


@pytest.mark.parametrize("cached", [0, 5, 2**53 - 1])
def test_counts_at_their_limits_have_a_cost_or_none(cached):
    counts = {"input_tokens": 2**53 - 1, "output_tokens": 2**53 - 1, "cached_tokens": cached}
    cost = prices.cost_of("openai", "gpt-4o-mini", **COUNTS | counts)
    assert cost is None or 0 < cost < prices.COST_AT_MOST


def test_names_that_were_asked_for_take_a_limited_memory():
    for number in range(prices.NAMES_KEPT + 10):
        prices.cost_of("openai", f"invented-{number}", **COUNTS)
        prices.cost_of(f"invented-{number}", "gpt-4o-mini", **COUNTS)
    assert prices._find.cache_info().currsize == prices.NAMES_KEPT
    from genai_prices.data_snapshot import get_snapshot

    kept = get_snapshot()
    assert not kept._lookup_cache | kept._provider_cache
    assert not kept._provider_misses
