"""Quotes with valid minimal defaults."""

from dataclasses import replace
from decimal import Decimal

from feeds.consensus import ConsensusRules, Quote
from vanta import clock

NOW_MS = 1_790_000_000_000
MARKET = "ETH/USD"
RULES = ConsensusRules()


def quote(
    price: object = "3000",
    *,
    source: str = "avantis",
    age_ms: int = 500,
    upstream: str | None = None,
    weight: str = "1",
    max_age_ms: int = 120_000,
    spread: str | None = None,
    market: str = MARKET,
) -> Quote:
    """A quote of ETH/USD that is half a second old; `spread` is the distance from bid to ask."""
    value = price if isinstance(price, Decimal) else Decimal(str(price))
    half = None if spread is None else Decimal(spread) / 2
    return Quote(
        market=market,
        source=source,
        upstream=upstream or source,
        price=value,
        timestamp_ms=NOW_MS - age_ms,
        received_at_ms=NOW_MS - age_ms,
        weight=Decimal(weight),
        max_age_ms=max_age_ms,
        bid=None if half is None else value - half,
        ask=None if half is None else value + half,
    )


def as_of_now(told: Quote, age_ms: int = 0) -> Quote:
    """The same quote as it comes in at this moment, `age_ms` old by its source's clock."""
    now_ms = clock.now_ms()
    return replace(told, timestamp_ms=now_ms - age_ms, received_at_ms=now_ms)
