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


def test_more_tokens_of_a_cache_than_there_are_cost_no_more_than_all():
    counts = COUNTS | {"cached_tokens": 900_000, "cache_write_tokens": 100_000}
    whole = prices.cost_of("anthropic", "claude-sonnet-4-5", **counts)
    counts |= {"cache_write_tokens": 2**53}
    assert prices.cost_of("anthropic", "claude-sonnet-4-5", **counts) == whole


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
    before = _names_kept_by_the_package()
    for number in range(prices.NAMES_KEPT + 10):
        prices.cost_of("openai", f"invented-{number}", **COUNTS)
        prices.cost_of(f"invented-{number}", "gpt-4o-mini", **COUNTS)
    assert prices._find.cache_info().currsize == prices.NAMES_KEPT
    assert _names_kept_by_the_package() == before


def _names_kept_by_the_package() -> list[set]:
    """Return the names in its own caches, which it fills when a test calls it directly."""
    from genai_prices.data_snapshot import get_snapshot

    kept = get_snapshot()
    return [set(kept._lookup_cache), set(kept._provider_cache), set(kept._provider_misses)]


def test_the_cost_is_what_the_package_computes_for_every_price_of_its_list():
    from genai_prices import Usage
    from genai_prices.data import providers

    counts = [
        *((0, 0, 0, 0), (7, 3, 7, 0), (812, 94, 100, 0), (1_000_000, 20_000, 3, 999_997)),
        *((250_001, 1, 250_000, 1), (812, 94, 100, 700)),
    ]
    compared = 0
    for company in providers:
        for model in company.models:
            for given, answered, cached, written in counts:
                tokens = {"input_tokens": given, "output_tokens": answered}
                kinds = {"cache_read_tokens": cached, "cache_write_tokens": written}
                usage = Usage(**tokens, **kinds)
                try:
                    paid = model.calc_price(usage, company, genai_request_timestamp=AT).total_price
                except (LookupError, ValueError):
                    continue
                rates = prices._rates(company, model, model.get_prices(AT))
                if rates is None:
                    continue
                tokens |= {"cached_tokens": cached, "cache_write_tokens": written}
                own = prices.cost_of(company.id, model.id, **tokens, at=AT)
                if prices._find(company.id, model.id) == (company, model):
                    compared += 1
                    assert own == (prices.rounded(paid) if paid else None), (company.id, model.id)
    assert compared > 2_000


def test_a_price_that_depends_on_the_number_of_tokens_is_not_made_a_rate():
    few = {"output_tokens": 10, "cached_tokens": None, "at": AT}
    one = prices.cost_of("google", "gemini-2.5-pro", input_tokens=100_000, **few)
    ten = prices.cost_of("google", "gemini-2.5-pro", input_tokens=1_000_000, **few)
    assert ten > 15 * one
