"""LIVE orders against the sandbox's venue: how many a second, and what of each one's time is Vanta's own."""

import datetime as dt
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from django.test import override_settings

from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.factories import make_order
from tests.sandbox.conftest import Sandbox
from tests.stack import Stack
from tests.trading.live.market import PRICES, fresh_prices, stand_still
from tests.trading.live.world import LiveTrader
from tests.waiting import wait_until
from trading.models import Attempt, Order, OrderEvent
from trading.order_state import OrderState
from trading.services import placing
from trading.services.placing import Confirmation
from vanta import clock
from vanta.supervision.environment import new_key_encryption_key

WARM, ORDERS, SINGLE = 8, 120, 20
AT_ONCE = 20  # confirmations that are decided together, as the trading worker does with its updates
FILLED_WITHIN_S = 60
MS = 1000
EXECUTED = "MarketOrderExecuted"


@dataclass(frozen=True, slots=True)
class Share:
    """One order's own milliseconds: from its approval to the POST, from the venue's last word to the booked fill."""

    before_ms: float
    after_ms: float


@dataclass(frozen=True, slots=True)
class LiveReport:
    """Orders a second all at once, and the medians of orders that were alone."""

    orders_per_s: float
    before_ms: float
    after_ms: float

    @property
    def overhead_ms(self) -> float:
        return self.before_ms + self.after_ms


def measure_live(log_dir: Path) -> LiveReport:
    """With a signing worker of two processes; LIVE is switched off again."""
    keys = {"KEY_ENCRYPTION_KEYS": new_key_encryption_key("bench"), "CANARY_MAX_NOTIONAL_USD": "5000"}
    limits = {"KEY_ENCRYPTION_KEYS": keys["KEY_ENCRYPTION_KEYS"], "CANARY_MAX_NOTIONAL_USD": Decimal(5000)}
    execution_mode.change(ExecutionMode.LIVE, actor="bench", reason="measuring")
    try:
        with override_settings(**limits), fresh_prices():
            environment = {**keys, "SIGNING_CONCURRENCY": "2"}
            with Stack("sandbox", "dispatcher", "worker-signing", log_dir=log_dir, environment=environment) as stack:
                return _measure(stack)
    finally:
        execution_mode.change(ExecutionMode.DRY, actor="bench", reason="measured")


def _measure(stack: Stack) -> LiveReport:
    venue = Sandbox(stack.sandbox_url, stack.pid("sandbox"))
    drafts = _drafts(venue, WARM + ORDERS + SINGLE)
    _fill(drafts[:WARM])
    rate = ORDERS / _fill(drafts[WARM : WARM + ORDERS])
    shares = []
    for order in drafts[-SINGLE:]:
        _fill([order])
        shares.append(_share(venue, order))
    before = statistics.median(share.before_ms for share in shares)
    return LiveReport(rate, before, statistics.median(share.after_ms for share in shares))


def _drafts(venue: Sandbox, orders: int) -> list[Order]:
    """One opening of a trader in each market, so that none waits for another."""
    markets = stand_still(venue)
    traders = [LiveTrader(venue) for _ in range(-(-orders // len(markets)))]
    return [
        make_order(
            trader=each.trader,
            market=market,
            mode="LIVE",
            quoted_price=PRICES[market.symbol],
            valid_until=clock.now() + dt.timedelta(minutes=10),
        )
        for each in traders
        for market in markets
    ][:orders]


def _fill(drafts: Sequence[Order]) -> float:
    """Seconds from the first second yes to the last booked fill."""
    ids = [order.pk for order in drafts]
    started = time.perf_counter()
    for first in range(0, len(drafts), AT_ONCE):
        placing.place_all(
            [
                Confirmation(order.trader.telegram_id, order.pk, is_live_confirmed=True)
                for order in drafts[first : first + AT_ONCE]
            ]
        )
    waiting = Order.objects.filter(pk__in=ids, ended_at=None)
    wait_until(lambda: not waiting.exists(), FILLED_WITHIN_S, "all LIVE orders have ended")
    seconds = time.perf_counter() - started
    states = Counter(Order.objects.filter(pk__in=ids).values_list("state", "reason"))
    assert set(states) == {(OrderState.FILLED, "")}, states
    return seconds


def _share(venue: Sandbox, order: Order) -> Share:
    """By three clocks of one machine: the order's events, its attempt, and the times that the venue's events have."""
    at = dict(OrderEvent.objects.filter(order=order).values_list("to_state", "at"))
    attempt = Attempt.objects.get(intent__order=order)
    path = f"/veranta/batched-market/tracking-id/{attempt.tracking_id}/status"
    (executed_ms,) = [event["at"] for event in venue.get(path).json()["events"] if event["type"] == EXECUTED]
    posted_ms = attempt.started_at.timestamp() * MS
    before = posted_ms - at[OrderState.APPROVED].timestamp() * MS
    return Share(before, at[OrderState.FILLED].timestamp() * MS - executed_ms)
