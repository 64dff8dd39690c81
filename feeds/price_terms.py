"""Whose price a market has, and the rules that its consensus follows; kept in the process for a short while."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings

from feeds.consensus import ConsensusRules
from feeds.models import Market
from vanta import clock

VALID_S = 30


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """An Upside market has the price symbol of its base market."""

    price_symbol: str
    rules: ConsensusRules


_kept: dict[str, tuple[float, PriceTerms]] = {}


def price_terms(symbols: Sequence[str]) -> dict[str, PriceTerms]:
    """The terms of the known ones of `symbols`. Names and σ change rarely: 30 s old ones are good enough."""
    now_s = clock.monotonic()
    terms: dict[str, PriceTerms] = {}
    for symbol in symbols:
        kept = _kept.get(symbol)
        if kept is not None and now_s - kept[0] < VALID_S:
            terms[symbol] = kept[1]
    missing = [symbol for symbol in symbols if symbol not in terms]
    if missing:
        loaded = _load(missing)
        _kept.update({symbol: (now_s, each) for symbol, each in loaded.items()})
        terms.update(loaded)
    return terms


def forget_price_terms() -> None:
    """Read them anew at next use; for the end of a refresh and for tests."""
    _kept.clear()


def _load(symbols: Sequence[str]) -> dict[str, PriceTerms]:
    base = ConsensusRules(
        max_age_ms=int(settings.PRICE_MAX_AGE_S * 1000), max_deviation=settings.PRICE_MAX_DEVIATION_PCT
    )
    columns = ("symbol", "price_symbol", "volatility_per_sqrt_s", "min_upstreams")
    rows: list[tuple[str, str, Decimal, int]] = list(Market.objects.filter(symbol__in=symbols).values_list(*columns))
    return {
        symbol: PriceTerms(price_symbol, replace(base, sigma_per_sqrt_s=sigma.normalize(), min_upstreams=upstreams))
        for symbol, price_symbol, sigma, upstreams in rows
    }
