"""Moving money between the accounts of one trader, and in and out; always in the caller's transaction."""

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection

from trading.models import Account, LedgerEntry, LedgerTransaction, Order, Position, Trader
from trading.models.traders import Mode
from vanta import clock, tracing
from vanta.money import ZERO

A = LedgerEntry.Account
K = LedgerTransaction.Kind


def book_margin(position: Position, amount_usd: Decimal, *, reference: str, order: Order | None = None) -> None:
    """Move free balance into the collateral of an open position, or back where negative; the row is the caller's."""
    trace_id = order.trace_id if order else tracing.current_trace_id()
    booked = LedgerTransaction.objects.create(kind=K.MARGIN, reference=reference, trace_id=trace_id, order=order)
    _enter(booked, position.trader_id, position.mode, {A.FREE: -amount_usd, A.COLLATERAL: amount_usd})


def book_escrow(order: Order, amount_usd: Decimal, *, reference: str) -> None:
    """Have the venue hold so much for an order, or give it back where negative."""
    booked = LedgerTransaction.objects.create(
        kind=K.ESCROW, reference=reference, trace_id=order.trace_id or tracing.current_trace_id(), order=order
    )
    _enter(booked, order.trader_id, order.mode, {A.FREE: -amount_usd, A.ESCROW: amount_usd})


def book_transfer(trader: Trader, mode: str, amount_usd: Decimal, *, kind: K, reference: str) -> None:
    """Money that came from outside, or went there (a negative amount), in the caller's transaction."""
    booked = LedgerTransaction.objects.create(kind=kind, reference=reference, trace_id=tracing.current_trace_id())
    _enter(booked, trader.pk, mode, {A.FREE: amount_usd, A.DEPOSITS: -amount_usd})


def _enter(booked: LedgerTransaction, trader_id: int, mode: str, amounts: Mapping[A, Decimal]) -> None:
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=booked, trader_id=trader_id, mode=mode, account=account, amount_usd=amount)
        for account, amount in amounts.items()
    )
    changes = {(trader_id, mode): amounts[A.FREE]}
    if A.DEPOSITS not in amounts:
        cover_shortfall(changes)
    change(changes)


def cover_shortfall(changes: Mapping[tuple[int, str], Decimal]) -> None:
    """What a LIVE fill took was there, whatever our books knew: what they lack came from outside, unseen."""
    for (trader_id, mode), amount in changes.items():
        if mode != Mode.LIVE:
            continue
        account, _ = Account.objects.get_or_create(trader_id=trader_id, mode=mode)
        missing = -(account.free_balance_usd + amount)
        if missing > ZERO:
            reference = f"shortfall:{trader_id}:{clock.now_ms()}"
            book_transfer(account.trader, mode, missing, kind=K.DEPOSIT, reference=reference)


def change(changes: Mapping[tuple[int, str], Decimal]) -> None:
    """Move the free balances. Ordered by trader, so that two batches never wait for each other in a circle."""
    with connection.cursor() as cursor:
        for (trader_id, mode), amount in sorted(changes.items()):
            cursor.execute(
                "UPDATE trading_account SET free_balance_usd = free_balance_usd + %s "
                "WHERE trader_id = %s AND mode = %s",
                [amount, trader_id, mode],
            )
