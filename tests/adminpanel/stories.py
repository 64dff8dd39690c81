"""Orders with a whole story behind them, as the pipeline leaves them."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from adminpanel.models import Alert
from feeds.models import ConsensusLoss, LastMark
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import (
    make_day_opening,
    make_market,
    make_message,
    make_order,
    make_policy,
    make_position,
    make_trader,
)
from trading import bookkeeping, history
from trading.bookkeeping import Booking
from trading.models import Attempt, Delegate, Intent, Order, TelegramUpdate, Trader
from trading.order_state import OrderState
from trading.venues.base import Filled
from vanta import clock

DECISION = {
    "checks": [
        {"code": "account_risk", "passed": True, "measured": "34.325000", "limit": "1000.000000"},
        {"code": "price_uncertainty", "passed": True, "measured": "0.000301", "limit": "0.021250"},
    ],
    "denials": [],
    "price": {
        "mark": "3000.1",
        "as_of_ms": 1_763_800_000_000,
        "uncertainty": "0.000301",
        "sources": ["avantis", "coingecko"],
        "excluded": [{"source": "chainlink", "reason": "expired"}],
    },
}


@transaction.atomic
def filled_order(*, venue_fill_id: str = "", **changes: Any) -> Order:
    """An opening from its draft to the fill: events, intent, attempt, fill, position, ledger, message."""
    order = make_order(decision=DECISION, **changes)
    order.market.refresh_from_db()
    history.transition(order, OrderState.APPROVED, {"checks": 2}, decided_at=clock.now())
    history.transition(order, OrderState.SUBMITTING)
    intent = Intent.objects.create(
        order=order, nonce=f"paper-{order.pk}", payload={"market": order.market.symbol}, deadline=order.valid_until
    )
    Attempt.objects.create(intent=intent, number=1, finished_at=clock.now(), outcome="filled")
    filled = Filled(
        venue_fill_id=venue_fill_id or f"paper-{order.pk}",
        price=Decimal("3000.3"),
        executed_at=clock.now(),
        fee_usd=Decimal("0.45"),
        liquidation_price=Decimal("2746.2"),
        accrued_usd=Decimal(0),
        pnl_usd=Decimal(0),
        payout_usd=Decimal(0),
    )
    bookkeeping.book_openings([Booking(order, filled)])
    history.transition(order, OrderState.FILLED, {"price": filled.price})
    make_message(order=order, chat_id=order.chat_id, status="sent", sent_at=clock.now(), telegram_message_id=77)
    return order


@transaction.atomic
def order_with_long_words() -> Order:
    """A filled order about which everything is as long as it gets, and a row of such a kind in the other lists."""
    policy = make_policy("Careful with beginners", max_leverage=Decimal(250))
    trader = make_trader(
        first_name="Bartholomew Featherstonehaugh",
        username="bartholomew_the_cautious",
        telegram_id=987_654_321_012,
        policy=policy,
    )
    market = make_market("ETH_UPSIDE/USD", open_interest_long_usd=Decimal("12345678.9"))
    big: dict[str, Any] = {"trader": trader, "market": market, "collateral_usd": Decimal("9345.67"), "leverage": 250}
    reason, digits = "position_size,account_risk,price_uncertainty", "0123456789abcdef"
    update = TelegramUpdate.objects.create(
        update_id=1_795_500_167_253, user_id=trader.telegram_id, chat_id=trader.chat_id, payload={}, trace_id=2 * digits
    )
    order = filled_order(
        **big,
        pk=4190,
        trace_id=update.trace_id,
        update_id=update.pk,
        reason=reason,
        ended_at=clock.now(),
        venue_fill_id=f"0x{4 * digits}",
    )
    make_order(**big, pk=4191, mode="LIVE", side="short", state="PARTIALLY_FILLED", reason=reason)
    make_position(**big, pk=4191, mode="LIVE", side="short", status="liquidated", realised_pnl_usd=Decimal("-9345.67"))
    for number, code in enumerate(
        ("position_size", "account_risk", "liquidation_buffer", "spread_loss", "stop_beyond_liquidation")
    ):
        known = {"state": "DENIED", "decided_at": clock.now(), "reason": f"{code},previous_order_unresolved"}
        make_order(**{**big, "trader": make_trader(first_name=f"Bartholomew the {number}th")}, **known)
        make_order(**big, **known)
    make_day_opening(trader=trader, mode="LIVE", free_usd=Decimal("123456789.01"), locked_at=clock.now())
    words = "Forbidden: the bot was blocked by the user, or the user has gone, or Telegram has; nobody can say which"
    make_message(chat_id=trader.chat_id, payload={"text": words}, status="dead", last_error=words, order=order)
    LastMark.objects.create(
        price_symbol="ETH/USD", price=3000, uncertainty=Decimal("0.0001"), as_of=clock.now(), updated_at=clock.now()
    )
    excluded = [{"source": source, "reason": "duplicate_upstream"} for source in ("avantis", "chainlink", "coingecko")]
    ConsensusLoss.objects.create(
        price_symbol="WSTETH_UPSIDE/USDC", reason="not_enough_upstreams", began_at=clock.now(), excluded=excluded
    )
    Alert.objects.create(kind=Alert.Kind.PRICE_STREAM, detail=words, began_at=clock.now(), told_begin_at=clock.now())
    trading_state.change(TradingState.REDUCING, actor="operator:bartholomew", reason=words)
    _long_delegate(trader)
    return order


def _long_delegate(trader: Trader) -> None:
    Delegate.objects.create(
        trader=trader,
        wallet_address="0x" + "ABCDEF4321" * 4,
        address="0x" + "ABCDEF1234" * 4,
        status="failed",
        reason="not_registered",
        expires_at=clock.now(),
        balance_usd=Decimal("1234567.89"),
        allowance_usd=Decimal(2**200),
    )
