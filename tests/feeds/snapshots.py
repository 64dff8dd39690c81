"""A small trading snapshot in the venue's shape."""

import json
from decimal import Decimal
from typing import Any

ETH: dict[str, Any] = {
    "index": 0,
    "from": "ETH",
    "to": "USD",
    "groupIndex": 0,
    "isPairListed": True,
    "leverages": {"minLeverage": 1, "maxLeverage": 75, "pnlMinLeverage": 75, "pnlMaxLeverage": 500},
    "spreadP": 0.01,
    "pnlSpreadP": 0.02,
    "openFeeP": 0.045,
    "closeFeeP": 0.05,
    "minLevPosUSDC": 100,
    "marginFee": {"long": 0.0017123287671232876, "short": 0.002},
    "fundingRate": {"long": -0.001205382547771408, "short": 7.890155277678827e-4},
    "openInterest": {"long": 300, "short": 500},
    "pairMaxOI": 10_000,
    "pairOI": 800,
    "maxWalletOI": 5_000,
    "liquidity": {"buy": 9_000, "sell": 8_000},
    "values": {
        "maxGainP": 2500,
        "maxSlP": 80,
        "maxLongOiP": 50,
        "maxShortOiP": 40,
        "groupOpenInterestPercentageP": 90,
    },
    "pnlFees": {"numTiers": 2, "tierP": [1, 3000], "feesP": [80, 2.5]},
    "lazerFeed": {"feedId": 2, "exponent": -8},
    "additionalPairParams2": {"closeOnlyMode": False},
    "feed": {
        "feedId": "0xff",
        "attributes": {"symbol": "Crypto.ETH/USD", "isOpen": True, "nextOpen": 0, "nextClose": 0},
    },
}
JPY_HOURS = {"symbol": "FX.USD/JPY", "isOpen": False, "nextOpen": 1_790_000_000, "nextClose": 1_790_400_000}


def pair(**changes: Any) -> dict[str, Any]:
    """ETH/USD with some fields changed."""
    return {**ETH, **changes}


def snapshot(*pairs: dict[str, Any], **totals: Any) -> Any:
    """A snapshot of these pairs as it is after parsing its JSON with exact numbers."""
    whole = {
        "dataVersion": 3,
        "pairInfos": {str(each.get("index", position)): each for position, each in enumerate(pairs)},
        "groupInfo": {
            "0": {"name": "CRYPTO1", "groupMaxOI": 20_000, "groupOI": 1_000},
            "2": {"name": "FOREX", "groupMaxOI": 20_000, "groupOI": 0},
        },
        "pairCount": len(pairs),
        "maxTradesPerPair": 40,
        "totalOi": 2_000,
        "maxOpenInterest": 50_000,
        **totals,
    }
    return json.loads(json.dumps(whole), parse_float=Decimal)


ETH_UPSIDE = pair(index=106, **{"from": "ETH_UPSIDE"})
ETH_FORMER_UPSIDE = pair(index=106, **{"from": "ETH_DEGEN"})
JPY = pair(index=12, groupIndex=2, to="JPY", feed={"attributes": JPY_HOURS}, **{"from": "USD"})
JPY_UPSIDE = pair(index=109, groupIndex=2, to="JPY_UPSIDE", feed={"attributes": JPY_HOURS}, **{"from": "USD"})
