"""After downtime: what the missed candles crossed is closed at the price and the time at which they did."""

import datetime as dt
from decimal import Decimal

import pytest

from feeds.candle_store import Piece, merge_pieces
from feeds.models import Candle, CandleCoverage, Market, Resolution
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import accrual, execution, guardian
from trading.models import Fill, LedgerTransaction, MarketWatch, Order, Position
from trading.telegram import cards
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
MINUTE = dt.timedelta(minutes=1)
FOREX = 2  # a group of markets with hours


@pytest.fixture(autouse=True)
def _in_the_middle_of_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still, so that no minute ends during a test."""
    now = Resolution.MINUTE.start_of(clock.now()) + MINUTE / 2
    monkeypatch.setattr(clock, "now", lambda: now)


def minutes_ago(minutes: int) -> dt.datetime:
    """The beginning of the minute that many minutes ago."""
    return Resolution.MINUTE.start_of(clock.now()) - minutes * MINUTE


def away(eth: Market, *, minutes: int = 10, position: Position | None = None) -> None:
    """Nobody has watched for so long; the position was there before."""
    since = minutes_ago(minutes)
    MarketWatch.objects.update_or_create(pk=eth.pk, defaults={"watched_until": since})
    held = Position.objects.filter(pk=position.pk) if position else Position.objects.all()
    held.update(watched_from=since - MINUTE, opened_at=since - MINUTE)


def candle(minutes: int, *prices: object) -> None:
    """Open, high, low, close of the minute that many minutes ago, as the venue has it."""
    start = minutes_ago(minutes)
    opened, high, low, closed = (D(str(price)) for price in prices)
    merge_pieces([Piece("ETH/USD", Resolution.MINUTE, start, opened, high, low, closed, start, start + MINUTE)])


def calm(first: int, last: int = 0) -> None:
    for minutes in range(first, last - 1, -1):
        if not Candle.objects.filter(start_at=minutes_ago(minutes)).exists():
            candle(minutes, 3000, 3001, 2999, 3000)


def watch() -> int:
    closed = guardian.close_crossed()
    execution.drain()
    return closed


def closing() -> Order:
    return Order.objects.get(kind="close")


@pytest.mark.parametrize(
    ("typed", "prices", "reason", "fill"),
    [
        ("/long ETH 100 10x", (3000, 3000, 2745, 3000), "liquidation", "2745.2745"),
        ("/long ETH 100 10x sl=2900", (3000, 3000, 2895, 3000), "stop_loss", "2899.71"),  # less the spread
        ("/long ETH 100 10x sl=2900", (2880, 2890, 2875, 2890), "stop_loss", "2879.712"),
        ("/long ETH 100 10x sl=2900", (3000, 3000, 2700, 3000), "liquidation", "2745.2745"),
        ("/long ETH 100 10x sl=2900 tp=3300", (3000, 3300, 2900, 3000), "stop_loss", "2899.71"),
        ("/long ETH 100 10x tp=3300", (3000, 3320, 2990, 3000), "take_profit", "3299.67"),
        ("/short ETH 100 10x sl=3100", (3000, 3110, 2990, 3000), "stop_loss", "3100.31"),
        ("/short ETH 100 10x", (3000, 3255, 2990, 3000), "liquidation", "3254.6745"),
    ],
)
def test_what_a_missed_candle_crossed_is_closed_at_the_price_and_time_it_had(
    ada: Person, eth: Market, typed: str, prices: tuple[object, ...], reason: str, fill: str
) -> None:
    position = open_position(ada, typed)
    away(eth)
    candle(7, *prices)
    calm(10)
    assert watch() == 1
    booked = Fill.objects.get(order=closing())
    assert (closing().reason, booked.price, booked.at) == (reason, D(fill), minutes_ago(7))
    position.refresh_from_db()
    assert position.closed_at == minutes_ago(7)
    assert LedgerTransaction.objects.get(order=closing()).at == minutes_ago(7)
    assert_books_balance()


def test_the_card_says_that_it_happened_while_vanta_was_away(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    watch()
    text = cards.order_card(closing())["text"]
    assert f"while Vanta was away, at {minutes_ago(7):%a %d %b %H:%M} UTC" in text


def test_costs_are_those_owed_when_it_was_crossed(ada: Person, eth: Market) -> None:
    Market.objects.filter(pk=eth.pk).update(rollover_rate_per_hour_long=D("0.06"))
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    Position.objects.filter(pk=position.pk).update(accrued_until=minutes_ago(0), accrued_usd=D(7))
    candle(3, 3000, 3000, 2890, 3000)
    calm(10)
    watch()
    assert Fill.objects.get(order=closing()).accrued_usd == D(4)  # 1 USDC a minute, and three minutes less than now


@pytest.mark.parametrize(
    ("hourly_rate", "accrued", "low", "ended_at"),
    [
        # 1 USD a minute moves liquidation by 3.0003: from 2745.2745 to 2748.2748 at the candle, beyond 2775 now.
        ("0.06", "first", 2750, None),  # the costs of the minutes since do not count
        ("0.06", "not yet", 2750, None),
        ("0.06", "first", "2748.27", "2748.2748"),
        ("0.06", "not yet", "2748.27", "2748.2748"),  # the row says 2745.2745 still: its costs are not booked
        ("-0.06", "first", "2742.27", "2742.2742"),  # who is paid for holding was liquidated nearer then
        ("-0.06", "first", "2742.28", None),
    ],
)
def test_a_missed_candle_meets_the_liquidation_price_of_its_own_time(
    ada: Person, eth: Market, hourly_rate: str, accrued: str, low: object, ended_at: str | None
) -> None:
    Market.objects.update(rollover_rate_per_hour_long=D(hourly_rate))
    open_position(ada)
    away(eth)
    Position.objects.update(accrued_until=minutes_ago(10))
    candle(9, 3000, 3000, low, 3000)
    calm(10)
    if accrued == "first":
        accrual.accrue_funding()
    assert watch() == (0 if ended_at is None else 1)
    prices = [fill.price for fill in Fill.objects.filter(order__kind="close")]
    assert [round(each, 4) for each in prices] == ([D(ended_at)] if ended_at else [])
    assert_books_balance()


def test_a_calm_stretch_closes_nothing_and_is_not_looked_at_again(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    calm(10)
    assert watch() == 0
    assert MarketWatch.objects.get(pk=eth.pk).watched_until > clock.now() - dt.timedelta(seconds=5)


def test_a_position_opened_after_the_dip_outlives_it(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    Position.objects.update(watched_from=minutes_ago(5))
    candle(7, 3000, 3000, 2500, 3000)
    calm(10)
    assert watch() == 0


def test_a_pause_of_a_few_seconds_is_none(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    watch()
    MarketWatch.objects.update(watched_until=clock.now() - dt.timedelta(seconds=3))
    candle(0, 3000, 3000, 2500, 3000)
    assert watch() == 0


def test_present_prices_wait_for_candles_that_are_still_to_come(
    ada: Person, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    begun = clock.now()
    for seconds, closed in ((0, 0), (60, 0), (179, 0)):
        monkeypatch.setattr(clock, "now", lambda seconds=seconds: begun + dt.timedelta(seconds=seconds))
        MarketWatch.objects.update(looked_at=clock.now() if seconds else None)  # the guardian has looked all along
        price("ETH/USD", "2890")
        assert watch() == closed
    monkeypatch.setattr(clock, "now", lambda: begun + dt.timedelta(seconds=181))
    assert guardian.close_crossed() == 1
    assert closing().evaluated_price is None


def test_a_guardian_that_was_away_again_waits_anew(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    long_ago = clock.now() - dt.timedelta(minutes=9)
    MarketWatch.objects.update(behind_since=long_ago, looked_at=long_ago)
    price("ETH/USD", "2890")
    assert watch() == 0
    assert not MarketWatch.objects.filter(behind_since__lte=long_ago).exists()


def test_minutes_that_the_venue_completed_need_not_be_there(ada: Person, eth: Market) -> None:
    """No trade in a minute, or a market that was closed: no candle ever comes."""
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(10, 3000, 3000, 3000, 3000)
    candle(4, 3000, 3000, 2890, 3000)
    CandleCoverage.objects.create(price_symbol="ETH/USD", resolution_s=60, complete_until=minutes_ago(0))
    candle(0, 3000, 3000, 3000, 3000)
    assert watch() == 1


def test_a_halt_is_evaluated_when_it_ends(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    assert watch() == 0
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    assert watch() == 1
    assert Fill.objects.get(order=closing()).at == minutes_ago(7)


def test_what_was_missed_before_a_market_closed_is_evaluated_when_it_opens(ada: Person, eth: Market) -> None:
    """Vanta comes back at night: looking away from a closed market must not pass for having watched it."""
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    Market.objects.update(group_index=FOREX, is_open=False)
    assert (watch(), watch()) == (0, 0)
    Market.objects.update(is_open=True)
    assert watch() == 1
    assert Fill.objects.get(order=closing()).at == minutes_ago(7)


def test_a_partial_close_that_was_under_way_shields_nothing_of_the_rest(ada: Person, eth: Market) -> None:
    """Vanta went down between its approval and its fill, and looks at the missed prices first."""
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    close(ada, position, D("0.4"))
    away(eth)
    candle(7, 3000, 3000, 2500, 3000)
    calm(10)
    assert (watch(), watch()) == (1, 0)
    taken = {order.reason: (order.collateral_usd, order.state) for order in Order.objects.filter(kind="close")}
    assert taken == {"": (D(40), "FILLED"), "liquidation": (D(60), "FILLED")}
    assert_books_balance()


def test_a_market_that_nobody_holds_is_watched_by_looking_away(ada: Person, eth: Market) -> None:
    MarketWatch.objects.create(market=eth, watched_until=minutes_ago(60))
    watch()
    open_position(ada)
    assert watch() == 0
    assert MarketWatch.objects.get(pk=eth.pk).behind_since is None


@pytest.mark.django_db(transaction=True)
def test_two_guardians_evaluate_a_stretch_once(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    at_once(*[guardian.close_crossed] * 3)
    execution.drain()
    assert Order.objects.filter(kind="close").count() == 1
    assert_books_balance()
