"""What the paper venue does with orders that wait for their price: holds them, fills them, lets them be taken back.

The journal row of an order's own nonce says that it rests; how that ended is one more row, which a fill and a cancel
race for: whoever writes it first has won, and both read it back.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from feeds.models import Market
from trading.models import Intent, Order, PaperExecution
from trading.models.orders import K
from trading.venues.base import Canceled, Expired, Outcome, Rejected, Resting, Unknown

ENDED = "-end"
LATE = {"expired": True}


def end_nonce(order_id: int) -> str:
    """Of the row that says how a resting order ended."""
    return f"paper-{order_id}{ENDED}"


def wish(order: Order) -> dict[str, Any]:
    """What the paper venue has to know of an order that waits, or takes another one back, besides its size."""
    if order.kind == K.CANCEL:
        return {"cancels": order.cancels_id}
    return {"limit_price": str(order.limit_price), "order_type": order.order_type} if order.rests else {}


def place(wish: Mapping[str, Any], market: Market | None) -> dict[str, Any]:
    """Take an order in, and its collateral with it; that needs no price."""
    if market is None or not market.is_listed:
        return {"rejected": "market_not_listed"}
    return {"resting": True, "escrow_usd": wish["collateral_usd"]}


def resting(execution: PaperExecution) -> Resting:
    """The journal's row of an order that rests, read back."""
    return Resting(placed_at=execution.executed_at, escrow_usd=Decimal(execution.result["escrow_usd"]))


def write_ends(fills: Mapping[int, dict[str, Any]], now: dt.datetime) -> dict[int, PaperExecution]:
    """Write how some orders were filled; how each did end, by order id: it may have been taken back before.

    In the caller's transaction, which books what is answered.
    """
    by_nonce = {end_nonce(order_id): order_id for order_id in sorted(fills)}
    PaperExecution.objects.bulk_create(
        [PaperExecution(nonce=nonce, result=fills[order_id], executed_at=now) for nonce, order_id in by_nonce.items()],
        ignore_conflicts=True,
    )
    journal = PaperExecution.objects.filter(nonce__in=by_nonce)
    return {by_nonce[execution.nonce]: execution for execution in journal}


def take_back(intents: Sequence[Intent], now: dt.datetime) -> dict[str, Outcome]:
    """Take orders back, unless they have ended or the cancel comes too late; outcomes by the cancels' nonces."""
    return {intent.nonce: _take_back(intent, now) for intent in intents}


def late(intent: Intent, now: dt.datetime) -> Outcome:
    """Past the deadline: the cancel's nonce is closed first, so that a late submission takes nothing back."""
    PaperExecution.objects.bulk_create(
        [PaperExecution(nonce=intent.nonce, result=LATE, executed_at=now)], ignore_conflicts=True
    )
    return found(intent)


@transaction.atomic
def _take_back(intent: Intent, now: dt.datetime) -> Outcome:
    """The cancel's own row and the end it wishes are written together, or neither."""
    target = int(intent.payload["cancels"])
    said = LATE if now > intent.deadline else {"cancels": target}
    PaperExecution.objects.bulk_create(
        [PaperExecution(nonce=intent.nonce, result=said, executed_at=now)], ignore_conflicts=True
    )
    if PaperExecution.objects.get(nonce=intent.nonce).result != LATE:
        end = PaperExecution(nonce=end_nonce(target), result={"canceled": intent.nonce}, executed_at=now)
        PaperExecution.objects.bulk_create([end], ignore_conflicts=True)
    return found(intent)


def found(intent: Intent) -> Outcome:
    """What the journal says of a cancel."""
    rows = {row.nonce: row for row in PaperExecution.objects.filter(nonce__in=[intent.nonce, _target(intent)])}
    own, end = rows.get(intent.nonce), rows.get(_target(intent))
    if own is None or own.result == LATE:
        return Unknown("not_in_journal") if own is None else Expired()
    if end is None or "canceled" not in end.result:
        return Rejected("already_filled")
    return Canceled(executed_at=end.executed_at)


def _target(intent: Intent) -> str:
    return end_nonce(int(intent.payload["cancels"]))
