"""The audit finds what it is for: each law is broken once, in a history that nobody could have traded."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from tests.factories import make_order, make_position, make_trader, set_limits
from tests.trading.interleavings import WIDE
from tests.trading.ledger_audit import LAWS, violations
from trading.models import Fill, LedgerEntry, LedgerTransaction, Order, OrderEvent, Position
from trading.order_state import OrderState
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
SUMS, BALANCE, COVERED, SIZE, LOSS, MINUTE, DAY, HOUR_USD, DAY_USD = LAWS


class Doctored:
    """A trader whose history is written by hand."""

    def __init__(self, market: Market, **limits: Any) -> None:
        self.market, self.trader = market, make_trader()
        self.history = [set_limits(self.trader, **WIDE | limits)]

    def approves(self, collateral: str = "100", leverage: str = "10", *, ago_s: int = 0, **changes: Any) -> Order:
        order = make_order(
            trader=self.trader, market=self.market, collateral_usd=D(collateral), leverage=D(leverage), **changes
        )
        self.happens(order, OrderState.APPROVED, ago_s)
        return order

    def fills(self, order: Order, position: Position | None = None) -> Position:
        """At 3000, without fees."""
        position = position or make_position(
            trader=self.trader, market=self.market, collateral_usd=order.collateral_usd
        )
        Order.objects.filter(pk=order.pk).update(position=position)
        amounts = {"collateral_usd": order.collateral_usd, "notional_usd": order.collateral_usd * order.leverage}
        Fill.objects.create(order=order, position=position, venue_fill_id=str(order.pk), price=D(3000), **amounts)
        self.happens(order, OrderState.FILLED)
        sign = -1 if order.kind == "open" else 1
        self.books(order, free=sign * order.collateral_usd, collateral=-sign * order.collateral_usd)
        return position

    def closes(self, position: Position, collateral: str, *, lost: str = "0") -> None:
        given = {"kind": "close", "position": position, "collateral_usd": D(collateral), "leverage": position.leverage}
        self.fills(make_order(trader=self.trader, market=self.market, **given), position)
        if D(lost):
            self.books(None, free=-D(lost), pnl=D(lost))

    def happens(self, order: Order, state: OrderState, ago_s: int = 0) -> None:
        at = clock.now() - dt.timedelta(seconds=ago_s)
        OrderEvent.objects.create(order=order, sequence=order.events.count() + 1, to_state=state, at=at)

    def books(self, order: Order | None, **amounts: Decimal) -> None:
        booking = LedgerTransaction.objects.create(
            kind="open", order=order, reference=f"doctored:{LedgerTransaction.objects.count()}"
        )
        for account, amount in amounts.items():
            LedgerEntry.objects.create(
                transaction=booking, trader=self.trader, mode="DRY", account=account, amount_usd=amount
            )

    def broken(self) -> set[str]:
        """The laws that this history breaks."""
        return {violation[0] for violation in violations([self.trader.pk], self.history)}


def test_a_history_within_its_limits_breaks_none(eth: Market) -> None:
    limits = {"max_position_size_usd": D(2000), "max_daily_loss_pct": D("0.02"), "hourly_volume_usd": D(3000)}
    kept = Doctored(eth, **limits, opens_per_minute=3)
    position = kept.fills(kept.approves())
    kept.closes(position, "100")
    kept.fills(kept.approves())
    kept.approves()
    assert kept.broken() == set()


def test_entries_that_do_not_sum_to_zero(eth: Market) -> None:
    kept = Doctored(eth)
    kept.books(None, free=D(1))
    assert kept.broken() == {SUMS}
    odd = LedgerTransaction.objects.latest("pk")  # made good before PostgreSQL's own trigger looks
    LedgerEntry.objects.create(transaction=odd, trader=kept.trader, mode="DRY", account="pnl", amount_usd=D(-1))


def test_a_balance_below_zero_that_was_made_good_later(eth: Market) -> None:
    kept = Doctored(eth)
    kept.books(None, free=D(-10_001), pnl=D(10_001))
    kept.books(None, free=D(20_000), pnl=D(-20_000))
    assert kept.broken() == {BALANCE}


def test_two_pending_openings_that_the_balance_covers_only_once(eth: Market) -> None:
    kept = Doctored(eth)
    for _ in range(2):
        kept.approves("5001", "1", stop_loss=D(2990))
    assert kept.broken() == {COVERED}


@pytest.mark.parametrize("filled", [False, True])
def test_a_position_and_an_opening_larger_than_the_limit(eth: Market, filled: bool) -> None:
    kept = Doctored(eth, max_position_size_usd=D(1999))
    first = kept.approves()
    if filled:
        kept.fills(first)
    kept.approves()
    assert kept.broken() == {SIZE}


def test_a_partial_closing_makes_room_for_no_more_than_it_closed(eth: Market) -> None:
    kept = Doctored(eth, max_position_size_usd=D(1400))
    kept.closes(kept.fills(kept.approves()), "50")
    kept.approves("90")
    assert kept.broken() == set()
    kept.approves("1", "1")
    assert kept.broken() == {SIZE}


@pytest.mark.parametrize("filled", [False, True])
def test_more_than_a_day_may_lose_at_its_worst(eth: Market, filled: bool) -> None:
    kept = Doctored(eth, max_daily_loss_pct=D("0.0199"))
    first = kept.approves()
    if filled:
        kept.fills(first)
    kept.approves()
    assert kept.broken() == {LOSS}


def test_what_was_realised_counts_towards_the_day(eth: Market) -> None:
    kept = Doctored(eth, max_daily_loss_pct=D("0.015"))
    kept.closes(kept.fills(kept.approves()), "100", lost="60")
    kept.approves()
    assert kept.broken() == {LOSS}


def test_a_stop_is_as_bad_as_its_slippage_and_fees(eth: Market) -> None:
    """From 3003.3 to 2896.81 at a notional of 1000, and 0.9 of fees: 36.36 of 10 000."""
    for pct, broken in (("0.003635", {LOSS}), ("0.003636", set())):
        kept = Doctored(eth, max_daily_loss_pct=D(pct))
        kept.approves(stop_loss=D(2900))
        assert kept.broken() == broken


@pytest.mark.parametrize(
    ("law", "limit", "ages_s"),
    [
        (MINUTE, {"opens_per_minute": 2}, [50, 30, 0]),
        (DAY, {"trades_per_day": 2}, [86_000, 7_000, 0]),
        (HOUR_USD, {"hourly_volume_usd": D(2999)}, [3_500, 1_000, 0]),
        (DAY_USD, {"daily_volume_usd": D(2999)}, [86_000, 7_000, 0]),
    ],
)
def test_more_openings_or_notional_than_a_window_holds(
    eth: Market, law: str, limit: dict[str, Any], ages_s: list[int]
) -> None:
    kept, spread_out = Doctored(eth, **limit), Doctored(eth, **limit)
    for age_s in ages_s:
        kept.approves(ago_s=age_s)
        spread_out.approves(ago_s=age_s * 10)
    assert kept.broken() == {law}
    assert spread_out.broken() == set()


def test_a_limit_counts_from_when_it_was_changed(eth: Market) -> None:
    kept = Doctored(eth, max_position_size_usd=D(2000))
    kept.approves()
    kept.approves()
    kept.history.append(set_limits(kept.trader, **WIDE | {"max_position_size_usd": D(1000)}))
    assert kept.broken() == set()
    kept.approves("1", "1")
    assert kept.broken() == {SIZE}


def test_an_approval_under_limits_that_nobody_knows_breaks_all(eth: Market) -> None:
    kept = Doctored(eth)
    kept.history.clear()
    kept.approves()
    assert kept.broken() == {SIZE, LOSS, MINUTE, DAY, HOUR_USD, DAY_USD}
