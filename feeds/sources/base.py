"""What a price source is: who it is, what it is worth, and how to ask it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from feeds.consensus import Quote
from vanta.errors import VantaError


@dataclass(frozen=True, slots=True)
class MarketRef:
    """A market to ask for, by all the names that sources know it by. `symbol` is the price symbol (ETH/USD)."""

    symbol: str
    pair_index: int
    coingecko_id: str | None = None
    lazer_feed_id: int | None = None


class SourceError(VantaError):
    """The source gave nothing. `retry_after_s` is how long it asked to be left alone; None where it did not.

    `kind` is the message as a label of few values: HTTP 500, timeout, not JSON.
    """

    code = "source_failed"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: int | None = None, **ids: object) -> None:
        super().__init__(message, **ids)
        self.retry_after_s = retry_after_s
        self.kind = message or self.code


class PriceSource(Protocol):
    """Where prices come from. Thread-safe; made lazily in the process that polls it, once.

    `upstream` is where the source itself has them from; `weight` counts while a quote is fresh; quotes older than
    `max_age_ms` by the source's own clock are not even heard as a veto; `timeout_s` bounds a whole fetch. A poll leaves
    markets alone whose quote from this source is younger than `spared_ms` (0: none), because a stream keeps them fresh.
    While it fails, it is probed every `longest_pause_s` at least.
    """

    name: str
    upstream: str
    weight: Decimal
    max_age_ms: int
    timeout_s: float
    spared_ms: int
    longest_pause_s: int

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        """Quotes with the source's own timestamps; markets it has nothing usable for are left out.

        Raises SourceError, and nothing else, where there is no quote at all for any of `markets` that it serves.
        """
        ...

    def close(self) -> None:
        """Give up the connections; the source is not used again."""
        ...


class CatalogueSource(Protocol):
    """Where the markets come from."""

    def fetch_snapshot(self) -> Any:
        """The venue's trading snapshot, its numbers exact (feeds/catalogue.py reads it). Raises SourceError."""
        ...


class CandleSource(Protocol):
    """Where the price history comes from, for the times that Vanta was not looking."""

    def fetch_candles(self, symbol: str, resolution_s: int, start_s: int, end_s: int) -> Any:
        """The answer of TradingView's history call, its numbers exact (feeds/backfill.py reads it).

        `symbol` is the venue's name of the price feed (Crypto.ETH/USD); times are Unix seconds, candles that begin in
        [start_s, end_s] are asked for. Raises SourceError.
        """
        ...
