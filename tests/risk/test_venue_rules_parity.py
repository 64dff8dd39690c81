"""The venue's own rules deny exactly the orders that the SDK's `validate_order` refuses."""

import random
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

from veranta_sdk import compute

from risk.checks import AccountSnapshot, Exposure, MarketRules, OpeningRequest
from risk.margin import Side
from tests.risk.cases import ETH, LIMITS, NOW_MS, decide, mark

CASES = 400
D = Decimal
CODE_OF_ERROR = {  # the beginning or middle of the SDK's sentence
    "is delisted": "market_not_listed",
    "close-only": "market_close_only",
    "market is closed": "market_closed",
    "outside [": "leverage",
    "below minimum": "min_notional",
    "available headroom": "headroom",
    "trades per pair": "too_many_positions",
    "take profit": "take_profit_too_far",
    "above max 80": "stop_too_far",
    "Upside stop loss must": "stop_too_close",
    "guarantee execution": "stop_too_close",
    "spread too high": "spread_too_wide",
    "spread x leverage": "spread_loss",
}


def test_the_venues_rules_deny_what_the_venue_refuses() -> None:
    rng = random.Random(20261122)
    refused = set()
    for _ in range(CASES):
        market, order, count = case(rng)
        expected = {code_of(error) for error in venue_errors(market, order, count)}
        account = AccountSnapshot(free_usd=D(10**9), exposure=Exposure(position_count=count))
        decision = decide(
            order,
            market=market,
            account=account,
            mark=mark(uncertainty="0"),
            limits=replace(LIMITS, max_leverage=D(100000)),
            now_ms=NOW_MS,
        )
        denied = set(decision.codes) & set(CODE_OF_ERROR.values())
        if "spread_too_wide" in denied:
            denied.discard("spread_loss")  # the SDK names only the first of the two
        assert denied == expected, (market, order)
        refused |= expected
    assert refused == set(CODE_OF_ERROR.values())


def case(rng: random.Random) -> tuple[MarketRules, OpeningRequest, int]:
    def number(low: int, high: int, scale: int) -> Decimal:
        return D(rng.randint(low, high)).scaleb(-scale)

    is_upside = rng.random() < 0.5
    market = replace(
        ETH,
        is_upside=is_upside,
        is_listed=rng.random() < 0.95,
        is_close_only=rng.random() < 0.05,
        is_open=rng.random() < 0.95,
        min_leverage=D(75) if is_upside else D(1),
        max_leverage=D(500) if is_upside else D(75),
        spread_rate=rng.choice((D("0.0001"), D("0.00051"), number(0, 150, 4))),
        headroom_usd=number(100, 10**6, 1),
        max_positions=40,
        max_gain_rate=D(25),
        max_stop_loss_rate=D("0.8"),
    )
    side = rng.choice(list(Side))
    leverage = number(500, 60000, 2)
    loss, gain = number(1, 11999, 4), number(1, 29_999, 3)  # of the collateral
    order = OpeningRequest(
        market=market.symbol,
        side=side,
        collateral_usd=number(5000, 10 ** rng.choice((5, 8)), 4),
        leverage=leverage,
        stop_price=price_at(-side.sign * loss / leverage),
        take_profit_price=price_at(side.sign * min(gain / leverage, D("0.99"))),
    )
    return market, order, rng.choice((0, 39, 40))


def price_at(move: Decimal) -> Decimal:
    return (3000 * (1 + move)).quantize(D("0.0000000001"))


def venue_errors(market: MarketRules, order: OpeningRequest, count: int) -> list[str]:
    assert order.stop_price is not None
    assert order.take_profit_price is not None
    leverage, is_long = float(order.leverage), order.side is Side.LONG
    envelope = {"min": float(market.min_leverage), "max": float(market.max_leverage)}
    unlimited = 1e12
    pair = SimpleNamespace(
        symbol=market.symbol,
        is_pair_listed=market.is_listed,
        is_market_open=market.is_open,
        additional_params=SimpleNamespace(close_only_mode=market.is_close_only),
        leverages=SimpleNamespace(
            min_leverage=envelope["min"],
            max_leverage=envelope["max"],
            pnl_min_leverage=envelope["min"],
            pnl_max_leverage=envelope["max"],
        ),
        min_lev_pos_usdc=float(market.min_notional_usd),
        values=SimpleNamespace(
            max_gain_p=2500, max_sl_p=80, group_open_interest_percentage_p=100, max_long_oi_p=100, max_short_oi_p=100
        ),
        pnl_fees=SimpleNamespace(tier_p=[], fees_p=[]),
        group_index=0,
        max_wallet_oi=unlimited,
        pair_max_oi=unlimited,
        open_interest=SimpleNamespace(long=0, short=0),
        liquidity={"buy": float(market.headroom_usd or 0), "sell": float(market.headroom_usd or 0)},
    )
    group = SimpleNamespace(group_max_oi=unlimited, group_oi=0)
    snapshot = SimpleNamespace(
        max_open_interest=unlimited, total_oi=0, group_info={"0": group}, max_trades_per_pair=market.max_positions
    )
    validation = compute.validate_order(
        pair,
        snapshot,
        collateral=float(order.collateral_usd),
        leverage=leverage,
        is_long=is_long,
        is_upside=market.is_upside,
        take_profit_percent=compute.tp_price_to_percent(3000, float(order.take_profit_price), leverage, is_long),
        stop_loss_percent=compute.sl_price_to_percent(3000, float(order.stop_price), leverage, is_long),
        dynamic_spread_p=float(market.spread_rate * 100),
        open_trades_on_pair=count,
    )
    return list(validation.errors)


def code_of(error: str) -> str:
    return next(code for words, code in CODE_OF_ERROR.items() if words in error)
