"""CoinGecko: every coin in one call. Its data is 20 to 60 s old, so in practice it vetoes and rarely vouches."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
from django.conf import settings

from feeds.consensus import Quote
from feeds.sources.background import private_loop
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.http import parse_json, read_integer, read_price, retry_after_s
from vanta import clock

PRO_HOST = "pro-api.coingecko.com"
DEFAULT_PAUSE_S = 60  # its limit is counted per minute


class CoinGeckoSource:
    """`GET /simple/price` with `last_updated_at` as the source's own time. The key is optional."""

    name = "coingecko"
    upstream = "coingecko"
    weight = Decimal("1.0")
    max_age_ms = 120_000
    timeout_s = 4.0
    spared_ms = 0
    longest_pause_s = 60

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=self.timeout_s, headers=_key_header())

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        """As `PriceSource.fetch`: one call for all coins."""
        symbols: dict[str, list[str]] = defaultdict(list)
        for market in markets:
            if market.coingecko_id:
                symbols[market.coingecko_id].append(market.symbol)
        if not symbols:
            return []
        answer = self._ask(sorted(symbols))
        received_at_ms = clock.now_ms()
        quotes = []
        for coin_id, names in symbols.items():
            quotes += [quote for name in names if (quote := self._quote(name, answer.get(coin_id), received_at_ms))]
        if not quotes:
            raise SourceError("no usable price in the answer", source=self.name)
        return quotes

    def close(self) -> None:
        """Close the connections."""
        private_loop().run(self._client.aclose(), timeout_s=self.timeout_s)

    def _ask(self, coin_ids: list[str]) -> dict[str, Any]:
        query = {
            "ids": ",".join(coin_ids),
            "vs_currencies": "usd",
            "include_last_updated_at": "true",
            "precision": "full",
        }
        request = self._client.get(f"{settings.COINGECKO_BASE_URL.rstrip('/')}/simple/price", params=query)
        try:
            response = private_loop().run(request, timeout_s=self.timeout_s)
        except (httpx.HTTPError, TimeoutError) as error:
            raise SourceError(type(error).__name__, source=self.name) from error
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(response.headers.get("retry-after"), default_s=DEFAULT_PAUSE_S)
            raise SourceError("rate limited", retry_after_s=wait_s, source=self.name)
        if response.status_code != HTTPStatus.OK:
            raise SourceError(f"HTTP {response.status_code}", source=self.name)
        try:
            answer = parse_json(response.content)
        except ValueError as error:
            raise SourceError("not JSON", source=self.name) from error
        if not isinstance(answer, dict):
            raise SourceError("unexpected shape", source=self.name)
        return answer

    def _quote(self, symbol: str, coin: Any, received_at_ms: int) -> Quote | None:
        if not isinstance(coin, dict):
            return None
        price, updated_at_s = read_price(coin.get("usd")), read_integer(coin.get("last_updated_at"))
        if price is None or updated_at_s is None:
            return None
        return Quote(
            market=symbol,
            source=self.name,
            upstream=self.upstream,
            price=price,
            timestamp_ms=updated_at_s * 1000,
            received_at_ms=received_at_ms,
            weight=self.weight,
            max_age_ms=self.max_age_ms,
        )


def _key_header() -> dict[str, str]:
    key = settings.COINGECKO_API_KEY
    if not key:
        return {}
    return {"x-cg-pro-api-key" if PRO_HOST in settings.COINGECKO_BASE_URL else "x-cg-demo-api-key": key}
