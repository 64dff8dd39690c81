"""From the venue's trading snapshot to our markets. No I/O: the snapshot goes in, unsaved rows come out.

The snapshot's numbers are human units: percent (`…P`), US dollars, percent of the notional per hour (margin, funding).
Parse its JSON with `parse_float=Decimal`, so that no number passes through a float.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import DecimalField

from feeds.consensus import DEFAULT_SIGMA_PER_SQRT_S
from feeds.models import Market
from feeds.sources.coingecko_ids import COINGECKO_IDS
from vanta.clock import from_ms
from vanta.errors import VantaError
from vanta.money import HUNDRED, ONE, ZERO

UPSIDE_SUFFIX = "_UPSIDE"
FORMER_UPSIDE_SUFFIX = "_DEGEN"  # the older snapshot's; the venue's SDK would take such a pair for a plain one
# Yearly volatilities of about 11, 22, 34 % over √31 536 000 s; the other groups are crypto and have the default
GROUP_SIGMA_PER_SQRT_S = {2: Decimal("0.00002"), 3: Decimal("0.00004"), 6: Decimal("0.00006")}
UNLIMITED_USD = Decimal(10) ** 15
MAX_EPOCH_S = 253_402_300_799  # the year 9999
MAX_SYMBOL_LENGTH = 40
MAX_NAME_LENGTH = 24


class MalformedCatalogue(VantaError):
    """The venue's answer is not a trading snapshot."""

    code = "malformed_catalogue"
    retryable = True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The markets of one snapshot, unsaved, and the indices of the pairs that could not be read."""

    markets: tuple[Market, ...]
    unreadable: tuple[str, ...]


def parse_catalogue(snapshot: Any, *, refreshed_at: dt.datetime) -> Catalogue:
    """Every named pair as an unsaved Market; blank pairs are left out, unreadable ones named, repeated names settled.

    Raises MalformedCatalogue where the whole is not a snapshot; a single broken pair never hides the others.
    """
    body = snapshot.get("data", snapshot) if isinstance(snapshot, Mapping) else None
    pairs = body.get("pairInfos") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(pairs, Mapping) or not pairs:
        raise MalformedCatalogue
    markets: dict[int, Market] = {}
    unreadable: list[str] = []
    for key, pair in pairs.items():
        try:
            market = _named_market(pair, body, refreshed_at)
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
            unreadable.append(str(key))  # reported by the caller; the other pairs must not suffer
            continue
        if market is not None and markets.setdefault(market.pair_index, market) is not market:
            unreadable.append(str(key))  # two pairs that claim one index: the first one stays
    return Catalogue(tuple(_one_per_name(markets.values())), tuple(unreadable))


def _named_market(pair: Any, body: Mapping[str, Any], refreshed_at: dt.datetime) -> Market | None:
    is_named = str(pair["from"]).strip() and str(pair["to"]).strip()
    return _market(pair, body, refreshed_at) if is_named else None


def _one_per_name(markets: Iterable[Market]) -> Iterable[Market]:
    """A delisted pair gives way to the listed one of the same name, an older listing to a newer one."""
    chosen: dict[str, Market] = {}
    for market in sorted(markets, key=lambda market: (market.is_listed, market.pair_index)):
        chosen[market.symbol] = market
    return sorted(chosen.values(), key=lambda market: market.pair_index)


def _market(raw: Mapping[str, Any], snapshot: Mapping[str, Any], refreshed_at: dt.datetime) -> Market:
    pair = {**raw, "from": _current_name(raw["from"]), "to": _current_name(raw["to"])}
    base, quote = pair["from"], pair["to"]
    is_upside = base.endswith(UPSIDE_SUFFIX) or quote.endswith(UPSIDE_SUFFIX)
    price_base = base.removesuffix(UPSIDE_SUFFIX)
    group_index = int(pair.get("groupIndex", 0))
    group = snapshot.get("groupInfo", {}).get(str(group_index), {})
    market = Market(
        symbol=f"{base}/{quote}",
        pair_index=int(pair["index"]),
        base=base,
        quote=quote,
        group_index=group_index,
        group_name=str(group.get("name") or "")[:MAX_SYMBOL_LENGTH],
        is_upside=is_upside,
        price_symbol=f"{price_base}/{quote.removesuffix(UPSIDE_SUFFIX)}",
        lazer_feed_id=int((pair.get("lazerFeed") or {}).get("feedId") or 0) or None,
        coingecko_id=COINGECKO_IDS.get(price_base, "") if quote == "USD" else "",
        is_listed=bool(pair.get("isPairListed", True)),
        max_trades_per_pair=int(snapshot.get("maxTradesPerPair") or 0),
        volatility_per_sqrt_s=GROUP_SIGMA_PER_SQRT_S.get(group_index, DEFAULT_SIGMA_PER_SQRT_S),
        venue_params=_alone(pair, group_index, group, snapshot),
        refreshed_at=refreshed_at,
        **_envelope(pair, is_upside),
        **_costs(pair, is_upside),
        **_hours(pair),
        **_headroom(pair, group, snapshot),
    )
    _fit_columns(market)
    return market


def _current_name(name: Any) -> str:
    text = str(name).strip().upper()
    former = text.endswith(FORMER_UPSIDE_SUFFIX)
    return text.removesuffix(FORMER_UPSIDE_SUFFIX) + UPSIDE_SUFFIX if former else text


def _alone(
    pair: Mapping[str, Any], group_index: int, group: Mapping[str, Any], snapshot: Mapping[str, Any]
) -> dict[str, Any]:
    """A snapshot of this pair alone: the SDK's `TradingSnapshot.model_validate` takes it as it is."""
    totals = ("dataVersion", "maxTradesPerPair", "totalOi", "maxOpenInterest")
    return {
        **{name: snapshot[name] for name in totals if name in snapshot},
        "pairInfos": {str(pair["index"]): pair},
        "groupInfo": {str(group_index): group},
    }


def _envelope(pair: Mapping[str, Any], is_upside: bool) -> dict[str, Any]:
    leverages, values, tiers = pair.get("leverages", {}), pair.get("values", {}), pair.get("pnlFees", {})
    lowest, highest = ("pnlMinLeverage", "pnlMaxLeverage") if is_upside else ("minLeverage", "maxLeverage")
    min_leverage = max(_number(leverages.get(lowest, 1)), ONE)
    max_leverage = _number(leverages.get(highest, 1))
    close_only = bool(pair.get("additionalPairParams2", {}).get("closeOnlyMode", False))
    return {
        "min_leverage": min_leverage,
        "max_leverage": max(max_leverage, min_leverage),
        "is_close_only": close_only or max_leverage < min_leverage,  # an envelope that nothing fits into
        "min_notional_usd": _number(pair.get("minLevPosUSDC", 0)),
        "max_gain_pct": _number(values.get("maxGainP", 2500)),
        "max_stop_loss_pct": _number(values.get("maxSlP", 80)),
        "upside_tier_gains_pct": [str(_number(value)) for value in tiers.get("tierP", [])] if is_upside else [],
        "upside_tier_fees_pct": [str(_number(value)) for value in tiers.get("feesP", [])] if is_upside else [],
    }


def _costs(pair: Mapping[str, Any], is_upside: bool) -> dict[str, Decimal]:
    rollover, funding = pair.get("marginFee", {}), pair.get("fundingRate", {})
    return {
        "spread_rate": _fraction(pair.get("pnlSpreadP" if is_upside else "spreadP", 0)),
        "open_fee_rate": ZERO if is_upside else _fraction(pair.get("openFeeP", 0)),
        "close_fee_rate": ZERO if is_upside else _fraction(pair.get("closeFeeP", 0)),
        "rollover_rate_per_hour_long": _fraction(rollover.get("long", 0)),
        "rollover_rate_per_hour_short": _fraction(rollover.get("short", 0)),
        "funding_rate_per_hour_long": _fraction(funding.get("long", 0)),
        "funding_rate_per_hour_short": _fraction(funding.get("short", 0)),
    }


def _hours(pair: Mapping[str, Any]) -> dict[str, Any]:
    attributes = pair.get("feed", {}).get("attributes", {})
    return {
        "is_open": bool(attributes.get("isOpen", True)),
        "next_open_at": _time(attributes.get("nextOpen", 0)),
        "next_close_at": _time(attributes.get("nextClose", 0)),
    }


def _headroom(pair: Mapping[str, Any], group: Mapping[str, Any], snapshot: Mapping[str, Any]) -> dict[str, Decimal]:
    """Notional that may still be opened: the venue's `compute.available_liquidity`, without the wallet's own limit."""
    values, interest, liquidity = pair.get("values", {}), pair.get("openInterest", {}), pair.get("liquidity", {})
    group_max = _number(group.get("groupMaxOI") or 0)
    protocol_left = _number(snapshot.get("maxOpenInterest", 0)) - _number(snapshot.get("totalOi", 0))
    group_left = group_max - _number(group.get("groupOI") or 0)
    long_usd, short_usd = _number(interest.get("long", 0)), _number(interest.get("short", 0))
    pair_left = _number(pair.get("pairMaxOI", 0)) - long_usd - short_usd
    pair_share = group_max * _fraction(values.get("groupOpenInterestPercentageP", 100))
    long_left = pair_share * _fraction(values.get("maxLongOiP", 100)) - long_usd
    short_left = pair_share * _fraction(values.get("maxShortOiP", 100)) - short_usd
    buy, sell = (_number(liquidity.get(side, UNLIMITED_USD)) for side in ("buy", "sell"))
    return {
        "open_interest_long_usd": long_usd,
        "open_interest_short_usd": short_usd,
        "headroom_long_usd": max(min(protocol_left, group_left, pair_left, long_left, buy), ZERO),
        "headroom_short_usd": max(min(protocol_left, group_left, pair_left, short_left, sell), ZERO),
    }


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite() or abs(number) > UNLIMITED_USD:
        raise ValueError(f"not a usable number: {str(value)[:40]}")
    return number


def _fraction(percent: Any) -> Decimal:
    return _number(percent) / HUNDRED


def _time(epoch_s: Any) -> dt.datetime | None:
    seconds = int(_number(epoch_s or 0))
    return from_ms(seconds * 1000) if 0 < seconds <= MAX_EPOCH_S else None


def _must_fit(column: Any, value: Any) -> None:
    """Raise ValueError where the column would refuse the value: too long, out of its range, or with a zero byte."""
    if isinstance(value, str) and "\x00" in value:
        raise ValueError(f"{column.name} has a zero byte")
    try:
        column.run_validators(value)
    except ValidationError as error:
        raise ValueError(f"{column.name}: {error.messages[0]}") from error


def _fit_columns(market: Market) -> None:
    """Round every number as its column will, so that saved and unsaved rows are equal; ValueError where one cannot fit.

    What the database would refuse is refused here, pair by pair: one bad pair must not fail the write of all.
    """
    for column in Market._meta.concrete_fields:
        value = getattr(market, column.name)
        if column.name in {"id", "venue_params"}:
            continue
        if isinstance(column, DecimalField):
            number = getattr(market, column.name).quantize(ONE.scaleb(-column.decimal_places))
            if len(number.as_tuple().digits) > column.max_digits:
                raise ValueError(f"{column.name} is too large")
            setattr(market, column.name, number)
        elif value is not None:
            _must_fit(column, value)
    if "\\u0000" in json.dumps(market.venue_params, default=str):
        raise ValueError("a zero byte, which the database does not take")
    if len(market.symbol) > MAX_SYMBOL_LENGTH or max(len(market.base), len(market.quote)) > MAX_NAME_LENGTH:
        raise ValueError("the name is too long")
    costs = (market.spread_rate, market.open_fee_rate, market.close_fee_rate)
    if min(*costs, market.min_notional_usd) < ZERO or market.spread_rate >= ONE:
        raise ValueError("a cost is not a fraction")
