"""What an account began its UTC day with: written down at midnight, or worked out from the ledger by who needs it."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from feeds.models import Market
from risk.checks import AccountSnapshot
from risk.rules import day as rules
from tests.factories import make_position
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from tests.trading.timeline import HOUR, MIDNIGHT, MINUTE, NOON, SECOND, Timeline, minute, timeline
from trading import execution, risk_inputs, valuation
from trading.evaluation import Evaluated
from trading.models import Account, DayOpening, MarketWatch, Position
from trading.services import days, margins, placing, positions
from trading.services.orders import Origin
from trading.services.traders import deposit

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["timeline"]


def opening(person: Person, day: dt.datetime = MIDNIGHT, mode: str = "DRY") -> DayOpening:
    return DayOpening.objects.get(trader=person.trader, day=day.date(), mode=mode)


def account(person: Person, mode: str = "DRY") -> AccountSnapshot:
    return risk_inputs.account_snapshot(risk_inputs.holdings(person.trader, mode))


def held_over_midnight(timeline: Timeline, person: Person, typed: str) -> tuple[Position, AccountSnapshot]:
    """A position opened at noon, and the account a second before midnight, when the price is 3000 and kept as such."""
    timeline.at(NOON)
    position = open_position(person, typed)
    timeline.at(MIDNIGHT - SECOND)
    minute(MIDNIGHT - MINUTE, "3000", "3000")
    return position, account(person)


def test_a_trader_who_is_new_today_begins_with_the_deposits(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    open_position(ada)
    written = opening(ada, NOON)
    assert (written.equity_usd, written.deposited_usd) == (D(10_000), D(10_000))


def test_midnight_writes_down_each_account_that_holds_anything(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    open_position(ada, "/long ETH 1000 10x sl=2900")
    timeline.at(MIDNIGHT + SECOND, "2970")
    minute(MIDNIGHT, "2980", "2970")
    assert (days.open_days(), days.open_days()) == (1, 0)
    written = opening(ada)
    assert (written.free_usd, written.collateral_usd) == (D("8995.5"), D(1000))
    assert D(written.prices["ETH/USD"]) == 2980
    assert -75 < written.unrealised_usd < -70  # 20 of 3000 on 10 000, the spread twice and the close fee


def test_the_first_decision_works_out_a_day_that_nobody_wrote_down(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    """Half closed and deposited to since midnight, and the price elsewhere: all of that came after the opening."""
    position, before = held_over_midnight(timeline, ada, "/long ETH 1000 10x sl=2900")
    timeline.at(MIDNIGHT + HOUR, "2950")
    close(ada, position, D("0.5"))
    execution.drain()
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(500), reference="gift")
    timeline.at(MIDNIGHT + 2 * HOUR, "2940")
    assert not DayOpening.objects.filter(day=MIDNIGHT.date()).exists()
    placing.place(trader=ada.trader, order_id=ada.drafts("/long ETH 50 10x sl=2900").pk)
    written = opening(ada)
    assert (written.free_usd, written.collateral_usd) == (before.free_usd, before.collateral_usd)
    assert abs(written.equity_usd - before.equity_usd) < D("0.01")
    # One half lost 50 of 3000 on 5 000, the other 60; the deposit is no gain.
    assert D(180) < rules.day_loss_usd(account(ada)) < D(190)
    assert_books_balance()


def test_a_position_closed_since_midnight_was_there_at_midnight(timeline: Timeline, ada: Person, eth: Market) -> None:
    position, before = held_over_midnight(timeline, ada, "/long ETH 1000 10x")
    timeline.at(MIDNIGHT + HOUR, "2970")
    close(ada, position)
    execution.drain()
    days.open_days()
    assert abs(opening(ada).equity_usd - before.equity_usd) < D("0.01")
    assert D(99) < rules.day_loss_usd(account(ada)) < D(101)


def test_margin_added_since_midnight_was_free_at_midnight(timeline: Timeline, ada: Person, eth: Market) -> None:
    """It is no deposit and no loss, also where half of the position was closed after it."""
    position, before = held_over_midnight(timeline, ada, "/long ETH 1000 10x")
    timeline.at(MIDNIGHT + HOUR, "2750")
    added = margins.add_to_leave_buffer(trader=ada.trader, position_id=position.pk, mark=D(2750), cap_usd=D(1000))
    assert added.amount_usd > 0
    assert not added.problem
    position.refresh_from_db()
    unclosed = account(ada)
    close(ada, position, D("0.5"))
    execution.drain()
    days.open_days()
    written = opening(ada)
    assert (written.free_usd, written.collateral_usd) == (before.free_usd, before.collateral_usd)
    assert abs(written.equity_usd - before.equity_usd) < D("0.01")
    assert account(ada).day.net_deposits_usd == 0
    assert unclosed.day.positions_usd > before.day.positions_usd - D(1000)
    assert abs(rules.day_loss_usd(unclosed) - D(833)) < 5  # 250 of 3000 on 10 000


def test_a_closing_missed_yesterday_is_yesterdays(timeline: Timeline, ada: Person, eth: Market) -> None:
    """It is booked today, at the time that it had: a day that nobody wrote down yet begins after it."""
    timeline.at(NOON)
    position = open_position(ada, "/long ETH 1000 10x sl=2900")
    timeline.at(MIDNIGHT + MINUTE, "2850")
    crossed = Evaluated("stop_loss", D(2900), MIDNIGHT - HOUR)
    positions.close(
        trader=ada.trader, positions=[position], share=D(1), origin=Origin(), reason="stop_loss", evaluated=crossed
    )
    execution.drain()
    days.open_days()
    written = opening(ada)
    assert (written.collateral_usd, written.equity_usd) == (D(0), account(ada).free_usd)
    assert rules.day_loss_usd(account(ada)) == 0


def test_a_day_waits_until_its_positions_were_watched_up_to_midnight(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    """Vanta was down since 23:00, when the stop was hit, and the price went on falling: yesterday, and without it."""
    timeline.at(NOON)
    position = open_position(ada, "/long ETH 900 10x sl=2900")
    MarketWatch.objects.create(market=eth, watched_until=MIDNIGHT - HOUR)
    minute(MIDNIGHT - MINUTE, "2800", "2800")
    timeline.at(MIDNIGHT + MINUTE, "2800")
    assert days.open_days() == 0
    placing.place(trader=ada.trader, order_id=ada.drafts("/long ETH 50 10x sl=2750").pk)
    assert not DayOpening.objects.filter(day=MIDNIGHT.date()).exists()
    crossed = Evaluated("stop_loss", D(2900), MIDNIGHT - HOUR)
    positions.close(trader=ada.trader, positions=[position], share=D(1), origin=Origin(), evaluated=crossed)
    execution.drain(reductions_only=True)
    assert days.open_days() == 1
    assert opening(ada).equity_usd == ada.trader.accounts.get().free_balance_usd


def test_without_a_price_of_then_a_position_began_the_day_at_its_entry(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    timeline.at(NOON)
    open_position(ada)
    timeline.at(MIDNIGHT + MINUTE, "2900")
    days.open_days()
    assert -2 < opening(ada).unrealised_usd < 0


@pytest.mark.parametrize("typed", ["/long ETH 900 10x sl=2990", "/long ETH 900 10x"])
def test_a_gain_that_the_day_began_with_can_be_lost_today(
    timeline: Timeline, ada: Person, eth: Market, typed: str
) -> None:
    """It is in the opening equity. Once it is gone, and everything else at its worst, the limit must still hold."""
    timeline.at(NOON)
    position = open_position(ada, typed)
    minute(MIDNIGHT, "3600", "3600")
    timeline.at(MIDNIGHT + SECOND, "3600")
    days.open_days()
    held = account(ada)
    ruined = held.free_usd + held.collateral_usd - valuation.position_worst_loss(position)
    assert opening(ada).equity_usd - ruined > 1790
    assert abs(rules.at_risk_usd(held) - (opening(ada).equity_usd - ruined)) < 1


@pytest.mark.parametrize(("side", "liquidation", "worst"), [("long", 2747, 100), ("short", 3253, 100)])
def test_a_stop_that_liquidation_has_overtaken_limits_no_loss(
    eth: Market, side: str, liquidation: int, worst: int
) -> None:
    stop = D(2746) if side == "long" else D(3254)
    position = make_position(side=side, stop_loss=stop, liquidation_price=D(liquidation))
    assert valuation.position_worst_loss(position) == worst


def test_a_gain_that_a_stop_keeps_is_not_at_risk(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    position = open_position(ada, "/long ETH 900 10x sl=2990")
    Position.objects.filter(pk=position.pk).update(stop_loss=D(3500))
    minute(MIDNIGHT, "3600", "3600")
    timeline.at(MIDNIGHT + SECOND, "3600")
    days.open_days()
    from_mark_to_stop = D(100) / 3000 * 9000
    assert from_mark_to_stop < rules.at_risk_usd(account(ada)) < from_mark_to_stop + 15  # with its slippage


def test_a_night_without_prices_begins_the_day_at_the_last_one_before_it(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    """At its entry, all that the position lost yesterday would be lost today again."""
    timeline.at(NOON)
    open_position(ada, "/long ETH 900 10x")
    minute(MIDNIGHT - 24 * HOUR, "3000", "3000")
    minute(MIDNIGHT - 3 * HOUR, "2800", "2800")
    timeline.at(MIDNIGHT + HOUR, "2800")
    days.open_days()
    assert D(opening(ada).prices["ETH/USD"]) == 2800
    assert rules.day_loss_usd(account(ada)) < D("0.001")


def test_a_restart_changes_nothing_of_the_day(timeline: Timeline, ada: Person, eth: Market) -> None:
    """The loss is measured from the row, whatever the price history says by then."""
    timeline.at(NOON)
    open_position(ada, "/long ETH 1000 10x")
    timeline.at(MIDNIGHT + SECOND)
    days.open_days()
    timeline.at(MIDNIGHT + HOUR, "2970")
    lost = rules.day_loss_usd(account(ada))
    minute(MIDNIGHT, "2000", "2000")
    assert D(99) < lost < D(101)
    assert rules.day_loss_usd(account(ada)) == lost


def test_deposits_of_the_day_are_neither_gain_nor_loss(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    open_position(ada)
    timeline.at(MIDNIGHT + SECOND)
    days.open_days()
    lost, limit = rules.day_loss_usd(account(ada)), opening(ada).equity_usd
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(5000), reference="gift")
    assert rules.day_loss_usd(account(ada)) == lost
    assert rules.opening_equity_usd(account(ada)) == limit


def test_an_account_that_held_nothing_begins_with_what_is_paid_in(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    ada.types("/start")
    Account.objects.create(trader=ada.trader, mode="LIVE")
    timeline.at(MIDNIGHT + HOUR)
    deposit(trader=ada.trader, mode="LIVE", amount_usd=D(300), reference="first")
    days.open_days()
    assert opening(ada, mode="LIVE").equity_usd == D(300)
    assert account(ada, "LIVE").day.net_deposits_usd == 0


def test_an_order_in_one_mode_does_not_begin_the_day_of_an_empty_account_in_the_other(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    """Its limit would be 20 % of nothing until midnight, whatever is paid in."""
    timeline.at(NOON)
    ada.types("/start")
    Account.objects.create(trader=ada.trader, mode="LIVE")
    open_position(ada)
    timeline.at(NOON + HOUR)
    deposit(trader=ada.trader, mode="LIVE", amount_usd=D(300), reference="first")
    assert rules.opening_equity_usd(account(ada, "LIVE")) == D(300)
    assert days.open_days() == 1
    assert opening(ada, NOON, "LIVE").equity_usd == D(300)


def test_what_a_day_began_with_is_kept_as_it_is(timeline: Timeline, ada: Person) -> None:
    ada.types("/start")
    days.open_days()
    written = opening(ada, NOON)
    for change in ({"free_usd": D(1)}, {"day": MIDNIGHT.date()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            DayOpening.objects.filter(pk=written.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        written.delete()
    DayOpening.objects.filter(pk=written.pk).update(locked_at=NOON)
    with pytest.raises(DatabaseError), transaction.atomic():
        DayOpening.objects.filter(pk=written.pk).update(locked_at=None)


def test_many_accounts_are_opened_in_a_few_statements(
    timeline: Timeline, eth: Market, django_assert_max_num_queries: object
) -> None:
    people = [Person() for _ in range(12)]
    for person in people:
        open_position(person)
    timeline.at(MIDNIGHT + SECOND)
    with django_assert_max_num_queries(35):  # type: ignore[operator]
        assert days.open_days() == 12
