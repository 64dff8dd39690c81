"""How the protections' facts are read: nothing where all are off, two statements for any number of accounts, locked."""

import importlib
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from feeds.models import Market
from risk.values import Protections
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from tests.trading.protecting import Protect, look, protect
from tests.trading.races import at_once
from tests.trading.timeline import MINUTE
from trading import bookkeeping, execution
from trading.bookkeeping import Booking
from trading.models import Order, Position
from trading.recent_losses import recent_losses
from trading.services import placing
from trading.services.placing import Confirmation
from vanta import clock

D = Decimal
__all__ = ["protect"]
ALL = {
    "cooldown_minutes": 60,
    "drawdown_pct": D("0.5"),
    "drawdown_days": 7,
    "market_stops": 3,
    "market_stops_hours": 24,
}
LONGEST = 2**31 - 1  # that the database takes
UNSTOPPED = "/long ETH 50 10x"


def read_of(count: int, before: Callable[[Person], None]) -> list[str]:
    """What one batch of so many people's first confirmations selects."""
    people = [Person() for _ in range(count)]
    for person in people:
        before(person)
    confirmations = [Confirmation(person.id, person.drafts(UNSTOPPED).pk) for person in people]
    placing.place_all(confirmations)  # writes down the day and fills caches; these are approved
    again = [Confirmation(person.id, person.drafts(UNSTOPPED).pk) for person in people]
    with CaptureQueriesContext(connection) as queries:
        answers = placing.place_all(again)
    assert {order.state for order in answers if isinstance(order, Order)} == {"APPROVED"}
    return [query["sql"] for query in queries if query["sql"].startswith("SELECT")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "terms",
    [
        {"cooldown_minutes": LONGEST},
        {"drawdown_pct": D("0.5"), "drawdown_days": LONGEST},
        {"market_stops": 3, "market_stops_hours": LONGEST},
    ],
)
def test_a_protection_that_looks_back_to_before_all_calendars_denies_nobody(
    ada: Person, eth: Market, protect: Protect, terms: dict[str, object]
) -> None:
    protect(ada, **terms)
    assert approve(ada, UNSTOPPED).state == "APPROVED"
    assert "Protections" in ada.answer("/risk")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("terms", "more"),
    [
        ({}, 0),
        ({"cooldown_minutes": 60}, 1),
        ({"market_stops": 3, "market_stops_hours": 24}, 1),
        ({"drawdown_pct": D("0.5"), "drawdown_days": 7}, 1),
        ({"drawdown_pct": D("0.5"), "drawdown_days": 1}, 0),  # today's opening is read anyway
        (ALL, 2),
    ],
)
def test_a_batch_pays_a_statement_for_each_kind_of_row_that_a_protection_needs_and_none_when_off(
    eth: Market, price: SetPrice, protect: Protect, settings: Settings, terms: dict[str, object], more: int
) -> None:
    settings.PRICE_MAX_AGE_S = D(60)
    off = read_of(1, lambda person: protect(person))
    assert len(read_of(1, lambda person: protect(person, **terms))) == len(off) + more
    assert len(read_of(6, lambda person: protect(person, **terms))) == len(off) + more


@pytest.mark.django_db(transaction=True)
def test_a_stop_out_and_a_confirmation_at_the_same_moment_come_one_after_the_other(
    ada: Person, eth: Market, price: SetPrice, protect: Protect, settings: Settings
) -> None:
    """Whichever takes the trader's lock first: an opening that was approved was decided before the loss was booked."""
    settings.OPENS_PER_MINUTE = 100
    protect(ada, cooldown_minutes=60)
    for _ in range(4):
        Position.objects.update(ended_by="")  # what came before cools down no more
        price("ETH/USD", "3000")
        open_position(ada, "/long ETH 20 10x sl=2900")
        draft = ada.drafts("/long ETH 20 5x sl=2700")
        price("ETH/USD", "2899")
        Order.objects.filter(pk=draft.pk).update(quoted_price=D(2899))
        look(eth)
        trader = ada.trader
        at_once(execution.drain, partial(placing.place, trader=trader, order_id=draft.pk))
        execution.drain()
        draft.refresh_from_db()
        stopped = Order.objects.filter(kind="close").latest("pk")
        assert stopped.state == "FILLED"
        if draft.state == "DENIED":
            assert draft.reason == "cooldown"
        else:
            assert draft.decided_at is not None
            assert stopped.ended_at is not None
            assert draft.decided_at <= stopped.ended_at
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_a_decision_waits_for_a_stop_out_that_is_being_booked(
    ada: Person, eth: Market, price: SetPrice, protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(ada, cooldown_minutes=60)
    open_position(ada, "/long ETH 100 10x sl=2900")
    draft = ada.drafts("/long ETH 50 5x sl=2700")
    price("ETH/USD", "2899")
    Order.objects.filter(pk=draft.pk).update(quoted_price=D(2899))
    look(eth)
    trader, booked = ada.trader, bookkeeping.book_closings

    def book_slowly(bookings: Sequence[Booking]) -> None:
        booked(bookings)
        deciding.start()
        deciding.join(0.3)
        assert deciding.is_alive()  # it waits for the trader's row

    def decide() -> None:
        try:
            placing.place(trader=trader, order_id=draft.pk)
        finally:
            connection.close()

    deciding = threading.Thread(target=decide)
    monkeypatch.setattr(bookkeeping, "book_closings", book_slowly)
    execution.drain()
    deciding.join(20)
    draft.refresh_from_db()
    assert (draft.state, draft.reason) == ("DENIED", "cooldown")


@pytest.mark.django_db(transaction=True)
def test_a_position_stopped_while_the_trader_closes_part_of_it_stays_stopped_out(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    """The stop takes what the trader's closing leaves; whichever is booked last, the stop ended it."""
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    stop = close(ada, position, D("0.4"), reason="stop_loss")
    execution.drain()
    assert stop.reason == "stop_loss"
    close(ada, position)
    execution.drain()
    position.refresh_from_db()
    assert (position.status, position.ended_by) == ("closed", "stop_loss")


@pytest.mark.django_db
def test_positions_of_before_are_told_apart_by_their_closings(ada: Person, eth: Market, price: SetPrice) -> None:
    migration = importlib.import_module("trading.migrations.0007_what_ended_positions")
    expected = {}
    for typed, price_then, ended_by in (
        ("/long ETH 50 10x sl=2900", "2899", "stop_loss"),
        ("/long ETH 50 10x", "2700", "liquidation"),
        ("/long ETH 50 10x tp=3100", "3100", "take_profit"),
        ("/long ETH 50 10x", "3000", ""),
    ):
        price("ETH/USD", "3000")
        position = open_position(ada, typed)
        price("ETH/USD", price_then)
        look(eth)
        close_by_hand = not ended_by
        if close_by_hand:
            close(ada, position)
        execution.drain()
        expected[position.pk] = ended_by
    Position.objects.update(ended_by="")
    with connection.cursor() as cursor:
        cursor.execute(migration.FILL_IN)
    assert dict(Position.objects.values_list("pk", "ended_by")) == expected


@pytest.mark.django_db
def test_a_traders_stop_outs_are_found_by_an_index_that_holds_nothing_else(ada: Person, eth: Market) -> None:
    """Among thousands of positions that ended otherwise."""
    ada.types("/start")
    now, closed = clock.now(), {"status": "closed", "collateral_usd": D(0), "leverage": D(10), "entry_price": D(3000)}
    ended = {**closed, "trader": ada.trader, "market": eth, "side": "long", "liquidation_price": D(2745)}
    Position.objects.bulk_create(
        Position(
            **ended, closed_at=now - n * MINUTE, ended_by="stop_loss" if n % 500 == 0 else "", realised_pnl_usd=D(-1)
        )
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE trading_position")
    with CaptureQueriesContext(connection) as queries:
        found = recent_losses({ada.trader.pk: Protections(cooldown_minutes=600)}, now)
    assert [len(lost.stop_outs) for lost in found.values()] == [2]
    (asked,) = [query["sql"] for query in queries if "trading_position" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "position_stopped_out" in plan, plan
