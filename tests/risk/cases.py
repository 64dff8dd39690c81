"""Valid minimal inputs for the checks; each test names only what it is about."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from feeds.consensus import MarkPrice
from risk.checks import (
    AccountSnapshot,
    Limits,
    LiveTerms,
    MarketRules,
    OpeningRequest,
    RiskDecision,
    TradingState,
    evaluate,
)
from risk.margin import Side

NOW_MS = 1_760_000_000_000
LIMITS = Limits(
    max_position_size_usd=Decimal(100000),
    max_account_risk_pct=Decimal("0.10"),
    max_leverage=Decimal(500),
    liquidation_buffer_pct=Decimal("0.05"),
    max_daily_loss_pct=Decimal("0.20"),
    price_max_age_s=Decimal(5),
    price_max_uncertainty_share=Decimal("0.25"),
    opens_per_minute=5,
    trades_per_day=50,
    hourly_volume_usd=Decimal(10000),
    daily_volume_usd=Decimal(50000),
)
ETH = MarketRules(
    symbol="ETH/USD",
    min_leverage=Decimal(1),
    max_leverage=Decimal(75),
    min_notional_usd=Decimal(100),
    spread_rate=Decimal("0.0001"),
    open_fee_rate=Decimal("0.00045"),
    close_fee_rate=Decimal("0.00045"),
    upside_symbol="ETH_UPSIDE/USD",
)
ETH_UPSIDE = replace(
    ETH,
    symbol="ETH_UPSIDE/USD",
    is_upside=True,
    min_leverage=Decimal(75),
    max_leverage=Decimal(500),
    upside_symbol="",
)
ACCOUNT = AccountSnapshot(free_usd=Decimal(10000))
LIVE = LiveTerms(  # all that an opening of 1 000 with real money needs, and no more
    is_switched_on=True,
    is_confirmed=True,
    is_disputed=False,
    is_refused=False,
    is_chain_disputed=False,
    allowance_usd=Decimal("100.45"),
    delegate_hours_left=Decimal(24),
    max_notional_usd=Decimal(1000),
)


def mark(price: str = "3000", *, uncertainty: str = "0.00005", age_ms: int = 500, market: str = "ETH/USD") -> MarkPrice:
    return MarkPrice(market, Decimal(price), Decimal(uncertainty), NOW_MS - age_ms, ("avantis",), ())


def order(collateral: str = "100", leverage: str = "10", side: Side = Side.LONG, **changes: Any) -> OpeningRequest:
    """`stop`, `take_profit` and `limit` may be given as text."""
    for short, name in (("stop", "stop_price"), ("take_profit", "take_profit_price"), ("limit", "limit_price")):
        if short in changes:
            changes[name] = Decimal(changes.pop(short))
    given: dict[str, Any] = {
        "market": "ETH/USD",
        "side": side,
        "collateral_usd": Decimal(collateral),
        "leverage": Decimal(leverage),
    }
    return OpeningRequest(**(given | changes))


def decide(opening: OpeningRequest | None = None, **changes: Any) -> RiskDecision:
    """Evaluate `opening` in ETH/USD at 3000 with 10 000 USDC and the default limits, but for `changes`."""
    given: dict[str, Any] = {
        "order": opening or order(),
        "account": ACCOUNT,
        "market": ETH,
        "mark": mark(),
        "limits": LIMITS,
        "trading_state": TradingState.ACTIVE,
        "now_ms": NOW_MS,
    }
    return evaluate(**(given | changes))
