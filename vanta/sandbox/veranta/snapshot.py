"""The trading snapshot: every field of a pair as the venue's data service writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from vanta.sandbox.catalogue import GROUPS, PairSpec
from vanta.sandbox.http import Json
from vanta.sandbox.veranta.exchange import Exchange

TOTAL_LIQUIDITY_USD = 100_000_000
HOURS_PER_YEAR = 8760
_CHAINLINK = {
    "ETH/USD": "0x71041dddad3595F9CEd3DcCFBe3D1F4b0a16Bb70",
    "BTC/USD": "0x64c911996D3c6aC71f9b455B1E8E7266BcbD848F",
}
_NO_FEED = "0x" + "0" * 40


def snapshot(listed: Iterable[PairSpec], exchange: Exchange, closed_markets: dict[str, int]) -> Json:
    """The whole of GET /v2/trading. Percentages are percent, amounts are USDC, marginFee is percent per hour."""
    pairs = {str(spec.index): _pair(spec, exchange, closed_markets.get(spec.price_symbol)) for spec in listed}
    groups = {str(number): _group(number, pairs) for number in GROUPS}
    return {
        "dataVersion": 3,
        "pairInfos": pairs,
        "groupInfo": groups,
        "pairCount": len(pairs),
        "maxTradesPerPair": 40,
        "totalOi": round(sum(pair["pairOI"] for pair in pairs.values()), 2),
        "maxOpenInterest": TOTAL_LIQUIDITY_USD,
    }


def _group(number: int, pairs: dict[str, Json]) -> Json:
    facts = GROUPS[number]
    used = sum(pair["pairOI"] for pair in pairs.values() if pair["groupIndex"] == number)
    return {
        "name": facts.name,
        "maxOpenInterestP": facts.oi_share_p,
        "isSpreadDynamic": facts.is_spread_dynamic,
        "groupMaxOI": TOTAL_LIQUIDITY_USD * facts.oi_share_p / 100,
        "groupOI": round(used, 2),
    }


def _pair(spec: PairSpec, exchange: Exchange, opens_at_s: int | None) -> Json:
    return {
        **_identity(spec, opens_at_s),
        **_limits(spec),
        **_fees(spec),
        **_interest(spec, exchange),
        **_skew(spec),
    }


def _identity(spec: PairSpec, opens_at_s: int | None) -> Json:
    facts = spec.group_facts
    feed_id = "0x" + hashlib.sha256(f"feed:{spec.price_symbol}".encode()).hexdigest()
    attributes = {
        "symbol": facts.feed_prefix + spec.price_symbol,
        "assetType": facts.asset_type,
        "isOpen": opens_at_s is None,
        "nextOpen": opens_at_s or 0,
        "nextClose": 0,
        "schedule": facts.schedule,
    }
    backup = _CHAINLINK.get(spec.price_symbol, _NO_FEED)
    return {
        "feed": {"maxOpenDeviationP": 1, "maxCloseDeviationP": 5, "feedId": feed_id, "attributes": attributes},
        "backupFeed": {"maxDeviationP": 5 if backup != _NO_FEED else 0, "feedId": backup},
        "lazerFeed": {
            "feedId": spec.lazer_id,
            "exponent": spec.exponent,
            "minChannel": "fixed_rate@200ms",
            "state": "stable",
        },
        "from": spec.base,
        "to": spec.quote,
        "index": spec.index,
        "groupIndex": spec.group,
        "feeIndex": spec.index,
        "isPairListed": True,
    }


def _limits(spec: PairSpec) -> Json:
    facts = spec.group_facts
    low, high = spec.upside_envelope
    return {
        "leverages": {
            "minLeverage": 1,
            "maxLeverage": spec.max_leverage,
            "pnlMinLeverage": low,
            "pnlMaxLeverage": high,
        },
        "values": {
            "maxGainP": facts.max_gain_p,
            "maxSlP": 80,
            "maxLongOiP": 50,
            "maxShortOiP": 50,
            "groupOpenInterestPercentageP": 100,
            "maxWalletOIP": 50,
            "isUSDCAligned": spec.base == "USD",
            "groupOpenInterestPecentage": 100,
            "maxWalletOI": 50,
        },
        "pairMinLevPosUSDC": facts.min_notional,
        "minLevPosUSDC": facts.min_notional,
        "pairMinLeverage": 1,
        "blockOILimit": 2_500_000,
        "uncappedSpread": {"isActive": False, "windows": []},
        "decayedVol": 0,
        "assetOIParams": {"isHardCap": False, "totalOIHardCap": 0, "longOIHardCap": 0, "shortOIHardCap": 0},
        "pairTwapParams": {"minRunTime": 30, "maxRunTime": 86400, "frequency": 30, "twapFee": 0},
        "timer": {
            "numTiers": 1,
            "positionSizeToThresholdTierMap": {"0": 0},
            "thresholdTierToTimerMap": {"0": 0},
        },
    }


def _fees(spec: PairSpec) -> Json:
    facts = spec.group_facts
    margin = facts.borrow_p_per_year / HOURS_PER_YEAR
    return {
        "spreadP": spec.spread_p,
        "pnlSpreadP": spec.upside_spread_p,
        "pairSpreadP": spec.spread_p,
        "openFeeP": facts.open_fee_p,
        "closeFeeP": facts.close_fee_p,
        "limitOrderFeeP": 0.01,
        "pairLimitOrderFeeP": 0.01,
        "pnlFees": {
            "numTiers": len(facts.tiers),
            "tierP": [gain for gain, _ in facts.tiers],
            "feesP": [share for _, share in facts.tiers],
        },
        "marginFee": {"long": margin, "short": margin},
        "fundingFeePerHourP": 0.0022842,
        "fundingRate": {"long": 0.0008, "short": -0.0008},
        "accPerOiLong": 0,
        "accPerOiShort": 0,
        "fundingLastUpdateBlock": 0,
        "additionalPairParams2": {
            "openMakerFeeP": 0.01,
            "closeMakerFeeP": 0.01,
            "openTakerFeeP": 0.05,
            "closeTakerFeeP": 0.05,
            "closeOnlyMode": False,
        },
        "lossProtectionMultiplier": {
            "0": 0,
            **dict.fromkeys("123", 100 if spec.is_upside else facts.loss_protection_p),
        },
    }


def _interest(spec: PairSpec, exchange: Exchange) -> Json:
    facts = spec.group_facts
    ceiling = TOTAL_LIQUIDITY_USD * facts.oi_share_p / 100
    # A market that others use too: made-up interest that depends on the pair alone, plus what was opened here.
    others = ceiling * (0.002 + (spec.index * 37 % 19) / 4000)
    own_long, own_short = exchange.open_interest(spec.index)
    long_usd, short_usd = round(others * 0.48 + own_long, 2), round(others * 0.52 + own_short, 2)
    price = spec.start_price if spec.base != "USD" else 1
    return {
        "openInterest": {"long": long_usd, "short": short_usd},
        "coinOI": {"long": round(long_usd / price, 8), "short": round(short_usd / price, 8)},
        "pairOI": round(long_usd + short_usd, 2),
        "pairMaxOI": ceiling,
        "maxWalletOI": ceiling / 2,
        "liquidity": {"buy": ceiling - long_usd, "sell": ceiling - short_usd},
        "pairParams": {"onePercentDepthAbove": ceiling, "onePercentDepthBelow": ceiling},
        "hedgingParams": {"hedgingFeePerBlockP": 6.345e-07, "hedgingThresholdLowP": 45, "hedgingThresholdHighP": 55},
    }


def _skew(spec: PairSpec) -> Json:
    tiers = {"0": 0, "1": 101, "2": 101, "3": 101}
    facts = spec.group_facts
    return {
        "priceImpactMultiplier": 1.2,
        "skewImpactMultiplier": 0.25,
        "longSkewConfig": tiers,
        "shortSkewConfig": tiers,
        "skewEqParams": [[0, 450]] * 10,
        "storagePairParams": {
            "posSpreadCap": 2,
            "negSpreadCap": 25,
            "isPnlTypeAllowed": int(spec.is_upside),
            "pnlPriceImpactMultiplier": 1.2,
            "pnlSkewImpactMultiplier": 0,
            "pnlPosSpreadCap": 2,
            "pnlNegSpreadCap": 7.5,
            "minBorrowFee": facts.borrow_p_per_year,
            "maxBorrowFee": 100,
            "lazerFeedId": spec.lazer_id,
        },
    }
