"""Who was denied what, and who opens most: counted over a span of time, read for people.

A denied order's reason holds its codes, all of them unless it was cut off; then the decision has them.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from trading.models import Account, Order, Trader
from trading.models.orders import OPENINGS

_DENIED = """
    FROM trading_order,
         unnest(CASE WHEN length(reason) < %(cut)s THEN string_to_array(reason, ',')
                     ELSE ARRAY(SELECT denial ->> 'code' FROM jsonb_array_elements(decision -> 'denials') AS denial)
                END) AS code
    WHERE state = 'DENIED' AND decided_at >= %(since)s
"""
_DENIALS = f"SELECT trader_id, code, count(*), max(decided_at) {_DENIED} GROUP BY trader_id, code"
_BY_CODE = f"SELECT code, mode, count(*) {_DENIED} GROUP BY code, mode"
_BY_TRADER = f"SELECT count(DISTINCT trading_order.id) {_DENIED} AND code = ANY(%(codes)s) GROUP BY trader_id"
_WIDTH = Order._meta.get_field("reason").max_length


@dataclass(frozen=True, slots=True)
class Denials:
    """How many orders of a trader were denied for one reason; an order with several reasons counts for each."""

    trader_id: int
    code: str
    count: int
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """How many openings of an account were decided on, whatever was decided."""

    trader: Trader
    mode: str
    openings: int


def denials_since(since: dt.datetime) -> list[Denials]:
    """By trader and code, in no order."""
    with connection.cursor() as cursor:
        cursor.execute(_DENIALS, {"since": since, "cut": _WIDTH})
        return [Denials(*row) for row in cursor.fetchall()]


def denials_by_code_since(since: dt.datetime) -> dict[tuple[str, str], int]:
    """How many denials there were, by code and execution mode."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CODE, {"since": since, "cut": _WIDTH})
        return {(code, mode): count for code, mode, count in cursor.fetchall()}


def orders_denied_by(codes: Sequence[str], since: dt.datetime) -> list[int]:
    """Of each trader with any, how many orders one of `codes` denied; in no order."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_TRADER, {"since": since, "cut": _WIDTH, "codes": list(codes)})
        return [count for (count,) in cursor.fetchall()]


def denied_orders_since(since: dt.datetime) -> int:
    """How many orders were denied, each counted once."""
    return Order.objects.filter(state="DENIED", decided_at__gte=since).count()


def most_active_since(since: dt.datetime, most: int) -> Sequence[Activity]:
    """The accounts with the most openings decided on, the most active first."""
    rows = (
        Order.objects.filter(kind__in=OPENINGS, decided_at__gte=since)
        .values_list("trader_id", "mode")
        .annotate(openings=Count("pk"))
        .order_by("-openings", "trader_id", "mode")[:most]
    )
    traders = Trader.objects.select_related("policy").in_bulk([trader_id for trader_id, _, _ in rows])
    return [Activity(traders[trader_id], mode, openings) for trader_id, mode, openings in rows]


def activity_of(trader: Trader, since: dt.datetime) -> Sequence[Activity]:
    """The same of each account of one trader, also where nothing was decided."""
    decided = Order.objects.filter(trader=trader, kind__in=OPENINGS, decided_at__gte=since)
    counts = dict(decided.values_list("mode").annotate(count=Count("pk")).order_by())
    modes = Account.objects.filter(trader=trader).order_by("mode").values_list("mode", flat=True)
    return [Activity(trader, mode, counts.get(mode, 0)) for mode in modes]
