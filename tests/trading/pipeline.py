"""Orders brought to where a test begins, and the books checked at its end."""

from decimal import Decimal

from django.db import connection
from django.db.models import Sum

from tests.trading.people import Person
from trading import execution
from trading.models import Account, LedgerEntry, LedgerTransaction, Order, Position
from trading.services import placing, positions
from trading.services.orders import Origin
from vanta.money import ONE, ZERO


def approve(person: Person, text: str) -> Order:
    """Type an opening and confirm it."""
    order = person.drafts(text)
    placed = placing.place(trader=person.trader, order_id=order.pk)
    assert placed.state == "APPROVED", placed.reason
    return placed


def open_position(person: Person, text: str = "/long ETH 100 10x") -> Position:
    """Type an opening, confirm it, have it filled."""
    order = approve(person, text)
    execution.drain()
    order.refresh_from_db()
    assert order.state == "FILLED", order.reason
    assert order.position is not None
    return order.position


def close(person: Person, position: Position, share: Decimal = ONE, reason: str = "") -> Order:
    """Approve a closing of this share."""
    (order,) = positions.close(
        trader=person.trader, positions=[position], share=share, origin=Origin(chat_id=person.id), reason=reason
    )
    return order


def assert_books_balance() -> None:
    """Every transaction sums to zero; every balance and every open position is what the ledger says."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    for booked in LedgerTransaction.objects.annotate(total=Sum("entries__amount_usd")):
        assert booked.total == ZERO, booked.reference
    for account in Account.objects.all():
        assert account.free_balance_usd == _ledger(account, "free")
        held = Position.objects.filter(trader=account.trader, mode=account.mode, status="open")
        assert (held.aggregate(total=Sum("collateral_usd"))["total"] or ZERO) == _ledger(account, "collateral")
    assert not Position.objects.exclude(status="open").exclude(collateral_usd=0).exists()


def _ledger(account: Account, name: str) -> Decimal:
    entries = LedgerEntry.objects.filter(trader=account.trader, mode=account.mode, account=name)
    return entries.aggregate(total=Sum("amount_usd"))["total"] or ZERO
