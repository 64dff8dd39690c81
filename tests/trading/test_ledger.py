"""Double-entry bookkeeping: whatever is traded in whatever order, nothing appears and nothing is lost."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.models import Market
from tests.factories import make_trader
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from trading import accrual, execution, guardian
from trading.errors import NoOpenPosition
from trading.models import LedgerEntry, LedgerTransaction, Position
from trading.services.traders import deposit
from vanta.money import ZERO

pytestmark = pytest.mark.django_db
D = Decimal


def total(account: str) -> Decimal:
    return LedgerEntry.objects.filter(account=account).aggregate(total=Sum("amount_usd"))["total"] or ZERO


def test_a_trader_begins_with_a_deposit_from_outside() -> None:
    make_trader()
    assert (total("free"), total("deposits")) == (D(10_000), D(-10_000))
    assert_books_balance()


def test_a_deposit_is_booked_once_for_its_reference() -> None:
    trader = make_trader()
    deposit(trader=trader, mode="DRY", amount_usd=D(5), reference="gift")
    with pytest.raises(IntegrityError), transaction.atomic():
        deposit(trader=trader, mode="DRY", amount_usd=D(5), reference="gift")
    assert trader.accounts.get().free_balance_usd == D(10_005)
    assert_books_balance()


def test_opening_moves_collateral_and_fee_out_of_the_free_balance(ada: Person, eth: Market) -> None:
    open_position(ada)
    assert (total("free"), total("collateral"), total("fees")) == (D("9899.55"), D(100), D("0.45"))
    assert_books_balance()


def test_closing_at_a_gain_pays_out_collateral_and_profit_less_the_fee(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada)
    price("ETH/USD", "3300")
    close(ada, position)
    execution.drain()
    gross = (D(3300) * D("0.9999") - D("3000.3")) / D("3000.3") * 1000
    expected = D("9899.55") + 100 + gross - D("0.45")
    assert abs(total("free") - expected) < D("0.00001")
    assert (total("collateral"), total("fees")) == (ZERO, D("0.90"))
    assert_books_balance()


def test_closing_at_a_loss_never_pays_out_less_than_nothing(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    price("ETH/USD", "100")
    close(ada, position)
    execution.drain()
    assert total("free") == D("9899.55")
    assert_books_balance()


def test_postgresql_refuses_a_transaction_that_does_not_sum_to_zero() -> None:
    trader = make_trader()
    booking = LedgerTransaction.objects.create(kind="deposit", reference="odd")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="sums to"), transaction.atomic():
        LedgerEntry.objects.create(transaction=booking, trader=trader, mode="DRY", account="free", amount_usd=D(1))


def test_postgresql_refuses_a_negative_free_balance_and_an_empty_entry() -> None:
    trader = make_trader()
    account = trader.accounts.get()
    account.free_balance_usd = D(-1)
    with pytest.raises(IntegrityError), transaction.atomic():
        account.save()
    booking = LedgerTransaction.objects.create(kind="deposit", reference="empty")
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(transaction=booking, trader=trader, mode="DRY", account="free", amount_usd=ZERO)


OPENINGS = st.tuples(
    st.just("open"),
    st.sampled_from(["long", "short"]),
    st.sampled_from(["50", "99.999999", "123.456789"]),
    st.sampled_from(["2x", "10x", "33.33x"]),
)
CLOSINGS = st.tuples(st.just("close"), st.sampled_from(["0.25", "0.333333", "0.5", "1"]))
PRICES = st.tuples(st.just("price"), st.sampled_from(["2000", "2700", "2950.123", "3000", "3050.5", "4000"]))
WATCHES = st.tuples(st.just("watch"))
INCREASES = st.tuples(st.just("increase"), st.sampled_from(["50", "99.999999"]), st.sampled_from(["2x", "33.33x", ""]))
STEPS = st.lists(st.one_of(OPENINGS, INCREASES, CLOSINGS, PRICES, WATCHES), min_size=3, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_any_sequence_of_trades_the_books_balance(
    eth: Market, price: SetPrice, steps: list[tuple[str, ...]]
) -> None:
    person = Person()
    price("ETH/USD", "3000")
    for step in steps:
        _do(person, price, step)
        execution.drain()
    assert_books_balance()
    account = person.trader.accounts.get() if person.orders else None
    assert account is None or account.free_balance_usd >= 0


def _say(person: Person, text: str) -> None:
    person.types(text)
    drafted = person.orders[-1]
    if drafted.state == "DRAFT":
        person.taps(f"confirm:{drafted.pk}")


def _do(person: Person, price: SetPrice, step: tuple[str, ...]) -> None:
    match step:
        case ("open", side, collateral, leverage):
            _say(person, f"/{side} ETH {collateral} {leverage}")
        case ("increase", collateral, leverage):
            held = Position.objects.filter(trader__telegram_id=person.id, status="open").last()
            if held is not None:
                _say(person, f"/increase #{held.pk} {collateral} {leverage}")
        case ("close", share):
            for position in Position.objects.filter(trader__telegram_id=person.id, status="open"):
                try:
                    close(person, position, D(share))
                except NoOpenPosition:
                    continue
        case ("price", value):
            price("ETH/USD", value)
        case _:
            accrual.accrue_funding()
            guardian.close_crossed()
