"""Keeping the buffers of open positions in step with their traders' limits. Knows no venue."""

from django.db import connection
from django.db.models import QuerySet
from psycopg2.extras import execute_values

from trading.limits import bindings_of
from trading.models import Position, Trader

# Settlement locks a batch's positions one by one: who writes many without their traders' locks must never wait for one.
_REFRESH = """
    UPDATE trading_position p SET buffer_pct = free.pct
    FROM (
        SELECT q.id, limits.pct
        FROM trading_position q JOIN (VALUES %s) AS limits (trader, pct) ON limits.trader = q.trader_id
        WHERE q.status = 'open' AND q.buffer_pct <> limits.pct
        FOR UPDATE OF q SKIP LOCKED
    ) AS free
    WHERE p.id = free.id
"""


def refresh(traders: QuerySet[Trader] | None = None) -> int:
    """Bring open positions, of all or some traders, to the buffers of the limits as they are now: how many changed."""
    everybody = Trader.objects.all() if traders is None else traders
    holders = everybody.filter(positions__status=Position.Status.OPEN).order_by().distinct()
    rows = [(number, binding.limits.liquidation_buffer_pct) for number, binding in bindings_of(holders).items()]
    if not rows:
        return 0
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, _REFRESH, rows, page_size=len(rows))
        return int(cursor.rowcount)
