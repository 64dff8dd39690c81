"""Orders with a whole story behind them, as the pipeline leaves them."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from tests.factories import make_message, make_order
from trading import bookkeeping, history
from trading.bookkeeping import Booking
from trading.models import Attempt, Intent, Order
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
def filled_order(**changes: Any) -> Order:
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
        venue_fill_id=f"paper-{order.pk}",
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
