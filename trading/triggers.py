"""Finding what prices cross: range scans over the positions' partial indexes, each in the order of one price.

A scan begins at the price and ends at the last row beyond it, so its cost follows what is crossed. `ORDER BY … LIMIT`
keeps the planner on that path whatever it believes about the table, and one crash from filling the memory.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from feeds.models import Market
from trading.evaluation import LIQUIDATION, STOP_LOSS, TAKE_PROFIT
from trading.models import Order
from trading.order_state import PENDING

TAKEN_AT_ONCE = 500  # of each trigger in each market; the next second takes the rest
WORST_FIRST = (LIQUIDATION, STOP_LOSS, TAKE_PROFIT)
ENTERED = "entered"
LEFT = "left"

_PENDING = ", ".join(f"'{state.value}'" for state in sorted(PENDING))
_CLOSINGS = f"""FROM trading_order o
    WHERE o.position_id = p.id AND o.kind = '{Order.Kind.CLOSE.value}' AND o.state IN ({_PENDING})"""
_NOT_BEING_CLOSED = f"NOT EXISTS (SELECT 1 {_CLOSINGS})"
# What a partial closing leaves is crossed all the same, however long that closing takes.
_SOMETHING_LEFT = f"p.collateral_usd > coalesce((SELECT sum(o.collateral_usd) {_CLOSINGS}), 0)"
_CLOSABLE = f"p.mode = 'DRY' AND p.id <> ALL(%(but)s) AND {_SOMETHING_LEFT}"
_FRESH = "p.buffer_entered_at IS NULL"
_KNOWN = "p.buffer_entered_at IS NOT NULL"
# In a halt nothing is liquidated, so that the alert is all there is.
_ALERTED = f"{_FRESH} AND (p.mode <> 'DRY' OR %(halted)s OR {{alive}}) AND {_NOT_BEING_CLOSED}"


# What a stop-limit order waits for and the price has left too far behind would be found again each second: such a scan
# ends where that begins.
_FILLABLE = """o.mode = 'DRY' AND EXISTS (SELECT 1 FROM trading_trader t WHERE t.id = o.trader_id AND t.is_active
    AND t.panic_id IS NULL)"""


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest price of a stretch; both are the mark where it is one moment."""

    low: Decimal
    high: Decimal


def _scan(kind: str, side: str, column: str, reached: str, price: str, condition: str) -> str:
    """One kind of trigger on one side; `reached` says how the column relates to a price that crosses it."""
    order = "DESC" if reached.startswith(">") else "ASC"
    found = f"'{kind}'"
    if kind == STOP_LOSS:  # the scan for liquidations ends after so many rows, and may not have come to this one
        found = f"CASE WHEN p.liquidation_price {reached} m.{price} THEN '{LIQUIDATION}' ELSE '{kind}' END"
    return f"""(SELECT p.id, {found} AS kind FROM trading_position p
        WHERE p.market_id = m.id AND p.side = '{side}' AND p.status = 'open' AND p.{column} {reached} m.{price}
          AND {condition}
        ORDER BY p.{column} {order} LIMIT {TAKEN_AT_ONCE})"""  # noqa: S608  (constants of this module)


def _statement(*scans: str) -> str:
    found = "\n    UNION ALL\n    ".join(scans)
    return f"""
    SELECT found.id, found.kind
    FROM unnest(%(markets)s::bigint[], %(lows)s::numeric[], %(highs)s::numeric[]) AS m (id, low, high)
    CROSS JOIN LATERAL (
    {found}
    ) AS found"""  # noqa: S608  (constants of this module)


_CROSSED = _statement(
    _scan(LIQUIDATION, "long", "liquidation_price", ">=", "low", _CLOSABLE),
    _scan(LIQUIDATION, "short", "liquidation_price", "<=", "high", _CLOSABLE),
    _scan(STOP_LOSS, "long", "stop_loss", ">=", "low", _CLOSABLE),
    _scan(STOP_LOSS, "short", "stop_loss", "<=", "high", _CLOSABLE),
    _scan(TAKE_PROFIT, "long", "take_profit", "<=", "high", _CLOSABLE),
    _scan(TAKE_PROFIT, "short", "take_profit", ">=", "low", _CLOSABLE),
)
_BUFFERS = _statement(
    _scan(ENTERED, "long", "buffer_price", ">", "low", _ALERTED.format(alive="p.liquidation_price < m.low")),
    _scan(ENTERED, "short", "buffer_price", "<", "high", _ALERTED.format(alive="p.liquidation_price > m.high")),
    _scan(LEFT, "long", "calm_price", "<=", "low", _KNOWN),
    _scan(LEFT, "short", "calm_price", ">=", "high", _KNOWN),
)
# A position's liquidation price is the one of when its costs were last booked; what is looked for had others. Costs of
# the time between move it by their share of the notional, and are rounded: to less than a millionth of the entry.
_MOVED = """p.entry_price * (0.000001 + greatest({rate} * extract(epoch FROM %(begin)s - p.accrued_until)::numeric,
    {rate} * extract(epoch FROM %(end)s - p.accrued_until)::numeric) / 3600)"""
_MOVED_LONG = _MOVED.format(rate="(m.rollover_rate_per_hour_long + m.funding_rate_per_hour_long)")
_MOVED_SHORT = _MOVED.format(rate="(m.rollover_rate_per_hour_short + m.funding_rate_per_hour_short)")
_LIQUIDATED_THEN = f"""
    SELECT p.id FROM trading_position p JOIN feeds_market m ON m.id = p.market_id
    WHERE p.market_id = %(market)s AND p.status = 'open' AND {_CLOSABLE}
      AND CASE p.side WHEN 'long' THEN p.liquidation_price + {_MOVED_LONG} >= %(low)s
          ELSE p.liquidation_price - {_MOVED_SHORT} <= %(high)s END
    ORDER BY p.id LIMIT {TAKEN_AT_ONCE}
"""  # noqa: S608  (constants of this module)


def _waiting(side: str, order_type: str, reached: str, order: str) -> str:
    """One kind of resting order on one side, from the price on."""
    return f"""(SELECT o.id FROM trading_order o
        WHERE o.market_id = m.id AND o.side = '{side}' AND o.order_type = '{order_type}' AND o.state = 'RESTING'
          AND o.limit_price {reached} AND {_FILLABLE}
        ORDER BY o.limit_price {order} LIMIT {TAKEN_AT_ONCE})"""  # noqa: S608  (constants of this module)


_REACHED_SCANS = (
    _waiting("long", "limit", ">= m.price", "DESC"),
    _waiting("short", "limit", "<= m.price", "ASC"),
    _waiting("long", "stop_limit", "BETWEEN m.price / (1 + %(slippage)s) AND m.price", "DESC"),
    _waiting("short", "stop_limit", "BETWEEN m.price AND m.price / (1 - %(slippage)s)", "ASC"),
)
_REACHED = f"""
    SELECT found.id FROM unnest(%(markets)s::bigint[], %(prices)s::numeric[]) AS m (id, price)
    CROSS JOIN LATERAL (
    {" UNION ALL ".join(_REACHED_SCANS)}
    ) AS found"""  # noqa: S608  (constants of this module)
_WAITED_IN = """
    SELECT m.id FROM feeds_market m
    CROSS JOIN LATERAL (SELECT 1 FROM trading_order o WHERE o.market_id = m.id AND o.state = 'RESTING' LIMIT 1) AS held
"""
_HELD = """
    SELECT m.id FROM feeds_market m
    CROSS JOIN LATERAL (SELECT 1 FROM trading_position p WHERE p.market_id = m.id AND p.status = 'open' LIMIT 1) AS held
"""


def held_markets() -> list[Market]:
    """The markets in which anybody has a position; a look into the index for each market, not a scan of positions."""
    return _markets(_HELD)


def waited_in() -> list[Market]:
    """The markets in which anybody has an order that rests, found in the same way."""
    return _markets(_WAITED_IN)


def _markets(statement: str) -> list[Market]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        ids = [row[0] for row in cursor.fetchall()]
    return list(Market.objects.filter(pk__in=ids).defer("venue_params"))


def reached(prices: Mapping[int, Decimal], slippage: Decimal) -> list[int]:
    """The resting DRY orders of enabled traders that a mark has reached, by id; `prices` are the marks by market id.

    Stop-limit orders that the mark has passed by more than the slippage, a fraction, go on waiting.
    """
    if not prices:
        return []
    terms: dict[str, Any] = {"markets": list(prices), "prices": list(prices.values()), "slippage": slippage}
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, terms)
        return [row[0] for row in cursor.fetchall()]


def crossed(ranges: Mapping[int, Range], *, but: Collection[int] = ()) -> dict[int, str]:
    """The open DRY positions whose liquidation price, stop or take-profit lies within reach, by id, with the trigger.

    `ranges` are prices by market id. Where a position has several triggers crossed, the worst for the trader counts:
    the stop is nearer than liquidation, but a price beyond both still is a liquidation. Positions that closings under
    way take out whole and those of `but` are left out.
    """
    worst: dict[int, str] = {}
    for position_id, kind in _found(_CROSSED, ranges, but=list(but)):
        if position_id not in worst or WORST_FIRST.index(kind) < WORST_FIRST.index(worst[position_id]):
            worst[position_id] = kind
    return worst


def liquidated_then(
    market_id: int, reach: Range, begin: dt.datetime, end: dt.datetime, *, but: Collection[int]
) -> list[int]:
    """The open DRY positions that may have been liquidated in a past stretch, with what they owed at any time of it.

    Reads all positions of the market: for stretches that nobody watched, not for every second.
    """
    terms: dict[str, Any] = {"market": market_id, "low": reach.low, "high": reach.high, "but": list(but)}
    with connection.cursor() as cursor:
        cursor.execute(_LIQUIDATED_THEN, {**terms, "begin": begin, "end": end})
        return [row[0] for row in cursor.fetchall()]


def buffer_changes(ranges: Mapping[int, Range], *, halted: bool) -> tuple[list[int], list[int]]:
    """The open positions, DRY and LIVE, that are in their buffer and were not known to be; and those well out of it."""
    found = _found(_BUFFERS, ranges, halted=halted)
    return [pk for pk, kind in found if kind == ENTERED], [pk for pk, kind in found if kind == LEFT]


def _found(statement: str, ranges: Mapping[int, Range], **terms: Any) -> Sequence[tuple[int, str]]:
    if not ranges:
        return []
    terms["markets"] = list(ranges)
    terms["lows"] = [reach.low for reach in ranges.values()]
    terms["highs"] = [reach.high for reach in ranges.values()]
    with connection.cursor() as cursor:
        cursor.execute(statement, terms)
        rows: list[tuple[int, str]] = cursor.fetchall()
    return rows
