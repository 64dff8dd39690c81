"""A price source in one file, as anybody would add one; `test_new_source.py` registers it."""

from collections.abc import Sequence
from decimal import Decimal

from feeds.consensus import Quote
from feeds.sources.base import MarketRef
from vanta import clock


class ExampleSource:
    """Knows ETH/USD, and that it is 3001."""

    name = "example"
    upstream = "example"
    weight = Decimal(1)
    max_age_ms = 60_000
    timeout_s = 1.0
    spared_ms = 0
    longest_pause_s = 60

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        now_ms = clock.now_ms()
        terms = (self.name, self.upstream, Decimal(3001), now_ms, now_ms, self.weight, self.max_age_ms)
        return [Quote(market.symbol, *terms) for market in markets if market.symbol == "ETH/USD"]

    def close(self) -> None:
        """There is nothing to close."""
