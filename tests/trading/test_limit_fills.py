"""Limit and stop-limit orders on paper: they rest, are filled when a mark is at their price, and can be taken back."""

from decimal import Decimal

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance
from trading import balances, execution, limit_fills, risk_inputs
from trading.models import Account, LedgerTransaction, Order, PaperExecution, Trader
from trading.order_state import OrderState
from trading.selectors import balance
from trading.services import canceling
from trading.services.orders import Origin
from trading.settlement import settle
from trading.venues import paper_resting
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
S = OrderState


def rests(person: Person, text: str = "/limit ETH long 100 10x @2900") -> Order:
    """Type it, confirm it, have it placed."""
    order = approve(person, text)
    execution.drain()
    assert state(order) == S.RESTING, order.reason
    return order


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def take_back(order: Order) -> Order:
    return canceling.cancel_resting(trader=order.trader, order_id=order.pk, origin=Origin())


@pytest.mark.parametrize(
    ("typed", "goes_on_at", "filled_at", "entry"),
    [
        ("/limit ETH long 100 10x @2900", "2900.01", "2900", "2900.29"),
        ("/limit ETH long 100 10x @2900", "2900.01", "2850", "2850.285"),
        ("/limit ETH short 100 10x @3100", "3099.99", "3100", "3099.69"),
        ("/limit ETH long 100 10x stop@3100", "3099.99", "3100", "3100.31"),
        ("/limit ETH long 100 10x stop@3100", "3103.11", "3103.1", "3103.41031"),
        ("/limit ETH short 100 10x stop@2900", "2900.01", "2900", "2899.71"),
        ("/limit ETH short 100 10x stop@2900", "2897.09", "2897.1", "2896.81029"),
    ],
)
def test_an_order_is_filled_at_its_price_or_better_and_not_a_tick_before(
    ada: Person, eth: Market, price: SetPrice, typed: str, goes_on_at: str, filled_at: str, entry: str
) -> None:
    order = rests(ada, typed)
    price("ETH/USD", goes_on_at)
    assert (limit_fills.fill_reached(), state(order)) == (0, S.RESTING)

    price("ETH/USD", filled_at)
    assert (limit_fills.fill_reached(), limit_fills.fill_reached(), state(order)) == (1, 0, S.FILLED)

    assert order.position is not None
    assert order.position.entry_price == D(entry)
    assert_books_balance()


def test_what_is_held_while_it_rests_is_neither_free_nor_twice_reserved(ada: Person, eth: Market) -> None:
    order = rests(ada, "/limit ETH long 100 10x @2900 sl=2800")

    held = risk_inputs.holdings(ada.trader, "DRY")
    account = risk_inputs.account_snapshot(held, eth)

    assert (account.free_usd, account.equity_usd, account.reserved_usd) == (D(9900), D(10_000), D("0.45"))
    assert account.exposure.pending_notional_usd == 1000
    assert account.day.pending_usd == order.worst_loss_usd
    assert D(34) < order.worst_loss_usd < D(38)  # from 2,900 to 2,800, not from the mark


def test_while_it_rests_what_it_can_lose_counts_against_the_next_order(ada: Person, eth: Market) -> None:
    for _ in range(2):
        rests(ada, "/limit ETH long 900 1x @2900")
    ada.types("/limit ETH long 900 1x @2900")
    (denial,) = ada.orders[-1].decision["denials"]
    assert (denial["code"], denial["max_collateral_usd"]) == ("daily_loss", "200.000000")


@pytest.mark.parametrize("obstacle", ["reducing", "halted", "disabled", "no price", "closed"])
def test_nothing_is_filled_that_may_not_be(ada: Person, eth: Market, price: SetPrice, obstacle: str) -> None:
    order = rests(ada)
    price("ETH/USD", "2890", age_ms=60_000 if obstacle == "no price" else 0)
    if obstacle in ("reducing", "halted"):
        trading_state.change(TradingState(obstacle), actor="test", reason="a test")
    elif obstacle == "disabled":
        Trader.objects.update(is_active=False)
    elif obstacle == "closed":
        Market.objects.update(group_index=2, is_open=False)
    assert (limit_fills.fill_reached(), state(order)) == (0, S.RESTING)


def test_an_order_needs_no_price_to_be_placed(ada: Person, eth: Market, price: SetPrice) -> None:
    order = approve(ada, "/limit ETH long 100 10x @2900")
    price("ETH/USD", "3000", age_ms=60_000)
    execution.drain()
    assert state(order) == S.RESTING


def test_a_market_that_is_not_listed_any_more_takes_none(ada: Person, eth: Market) -> None:
    order = approve(ada, "/limit ETH long 100 10x @2900")
    Market.objects.update(is_listed=False)
    execution.drain()
    assert (state(order), order.reason) == (S.REJECTED, "market_not_listed")


def test_a_cancel_gives_back_what_was_held(ada: Person, eth: Market, price: SetPrice) -> None:
    order = rests(ada)
    cancel = take_back(order)
    execution.drain()
    price("ETH/USD", "2800")
    assert (state(cancel), state(order), limit_fills.fill_reached()) == (S.FILLED, S.CANCELED, 0)
    assert balance(ada.trader, "DRY").free_usd == 10_000
    assert_books_balance()


def test_a_cancel_leaves_in_a_halt_and_takes_back_what_rests(ada: Person, eth: Market) -> None:
    order = rests(ada)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    assert canceling.cancel_unwanted() == 1
    execution.drain()
    assert (state(order), order.reason) == (S.CANCELED, "trading_halted")


def test_a_cancel_that_comes_after_the_fill_takes_nothing_back(ada: Person, eth: Market, price: SetPrice) -> None:
    order = rests(ada)
    cancel = take_back(order)
    price("ETH/USD", "2900")
    assert limit_fills.fill_reached() == 1
    execution.drain()
    assert (state(order), state(cancel), cancel.reason) == (S.FILLED, S.REJECTED, "already_filled")


def test_a_fill_that_comes_after_the_venues_cancel_is_none(ada: Person, eth: Market, price: SetPrice) -> None:
    """Whoever carried out the cancel was killed before the books knew of it."""
    order = rests(ada)
    cancel = take_back(order)
    (claimed,) = execution.claim(reductions_only=True)
    execution.submit("DRY", [claimed.intent], start_by=clock.monotonic() + 1)
    price("ETH/USD", "2900")
    assert (limit_fills.fill_reached(), state(order), state(cancel)) == (0, S.RESTING, S.SUBMITTING)


def test_a_fill_that_cannot_be_booked_is_undone_and_stops_no_other(
    ada: Person, grace: Person, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = rests(ada), rests(grace)
    price("ETH/USD", "2900")
    monkeypatch.setattr(
        limit_fills, "settle", lambda orders, outcomes: settle([o for o in orders if o != broken], outcomes)
    )
    assert (limit_fills.fill_reached(), state(broken), state(sound)) == (1, S.RESTING, S.FILLED)
    assert not PaperExecution.objects.filter(nonce=paper_resting.end_nonce(broken.pk)).exists()


def test_a_fill_that_the_database_refuses_leaves_the_order_to_be_filled_or_taken_back(
    ada: Person, grace: Person, eth: Market, price: SetPrice
) -> None:
    """The fee has risen since it was reserved, and there is nothing else to pay it from."""
    poor, rich = rests(ada), rests(grace)
    reserved = D("0.45")
    withdrawn = Account.objects.get(trader=ada.trader).free_balance_usd - reserved
    kind = LedgerTransaction.Kind.WITHDRAWAL
    balances.book_transfer(ada.trader, "DRY", -withdrawn, kind=kind, reference="out")
    Market.objects.update(open_fee_rate=eth.open_fee_rate * 2)
    price("ETH/USD", "2900")

    assert (limit_fills.fill_reached(), state(poor), state(rich)) == (1, S.RESTING, S.FILLED)

    take_back(poor)
    execution.drain()
    assert state(poor) == S.CANCELED
    assert_books_balance()


def test_a_cancel_ordered_too_late_is_closed_before_it_counts(ada: Person, eth: Market) -> None:
    order = rests(ada)
    cancel = take_back(order)
    (claimed,) = execution.claim(reductions_only=True)
    late = claimed.intent.deadline.replace(year=claimed.intent.deadline.year + 1)
    paper_resting.late(claimed.intent, late)
    execution.carry_out([claimed])
    assert (state(cancel), state(order)) == (S.EXPIRED, S.RESTING)
