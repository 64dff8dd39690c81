"""Whether any limit was ever exceeded, asked of the ledger, the fills and the orders' events in SQL alone.

None of the code that decides is used. Numbers of the events tell what came before what: decisions on an account and
bookings on it are made under its trader's lock, so that their numbers are in the order of their commits. A change of
limits takes such a number too (`tests.factories.set_limits`), and history is which limits held from which number on.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

History = Sequence[Mapping[str, Any]]  # as `tests.factories.set_limits` answers, for every trader that is audited
Violation = tuple[str, int, int | None, Decimal, Decimal]  # law, trader, order, what was reached, what was allowed

_FACTS = """
WITH audited AS (SELECT unnest(%(traders)s::bigint[]) AS trader_id),
-- Every order's life in event numbers: when it was approved, filled, or dropped without a fill.
life AS (
    SELECT o.id AS order_id, o.trader_id, o.mode, o.kind, o.market_id, o.position_id, o.collateral_usd,
           o.collateral_usd * o.leverage AS notional_usd, o.stop_loss, o.quoted_price,
           CASE o.side WHEN 'long' THEN 1 ELSE -1 END AS sign,
           m.open_fee_rate, m.close_fee_rate, m.spread_rate, max(f.price) AS fill_price,
           min(e.id) FILTER (WHERE e.to_state = 'APPROVED') AS approved,
           min(e.at) FILTER (WHERE e.to_state = 'APPROVED') AS approved_at,
           min(e.id) FILTER (WHERE e.to_state = 'FILLED') AS filled,
           min(e.id) FILTER (WHERE e.to_state IN ('REJECTED', 'CANCELED', 'EXPIRED')) AS dropped
    FROM trading_order o
    JOIN audited USING (trader_id)
    JOIN feeds_market m ON m.id = o.market_id
    JOIN trading_orderevent e ON e.order_id = o.id
    LEFT JOIN trading_fill f ON f.order_id = o.id
    GROUP BY o.id, m.id
),
-- W in the words of the design, before and after the fill: all of the collateral without a stop, else the way from the
-- (worst) fill to the worst exit at the stop with the fees that are not paid yet, never more than the collateral.
opening AS (
    SELECT life.*, collateral_usd + notional_usd * open_fee_rate AS taken_usd,
           CASE WHEN stop_loss IS NULL THEN collateral_usd ELSE least(collateral_usd, greatest(0,
               sign * notional_usd * (1 - stop_loss * (1 - sign * (spread_rate + %(slippage)s))
                                          / (quoted_price * (1 + sign * (spread_rate + %(slippage)s))))
               + notional_usd * (open_fee_rate + close_fee_rate))) END AS pending_worst_usd,
           CASE WHEN stop_loss IS NULL THEN collateral_usd ELSE least(collateral_usd, greatest(0,
               sign * notional_usd * (1 - stop_loss * (1 - sign * (spread_rate + %(slippage)s)) / fill_price)
               + notional_usd * close_fee_rate)) END AS open_worst_usd
    FROM life WHERE kind = 'open' AND approved IS NOT NULL
),
closing AS (SELECT * FROM life WHERE kind = 'close' AND filled IS NOT NULL),
-- A booking stands at its fill's event; a deposit came before all orders.
booked AS (
    SELECT n.trader_id, n.mode, n.account, n.amount_usd, t.id AS transaction_id, coalesce(life.filled, 0) AS at_event
    FROM trading_ledgerentry n
    JOIN audited USING (trader_id)
    JOIN trading_ledgertransaction t ON t.id = n.transaction_id
    LEFT JOIN life ON life.order_id = t.order_id
),
limits AS (
    SELECT trader_id, from_event, lead(from_event) OVER (PARTITION BY trader_id ORDER BY from_event) AS until_event,
           max_position_size_usd, max_daily_loss_pct, opens_per_minute, trades_per_day, hourly_volume_usd,
           daily_volume_usd
    FROM jsonb_to_recordset(%(history)s::jsonb) AS h (trader_id bigint, from_event bigint,
         max_position_size_usd numeric, max_daily_loss_pct numeric, opens_per_minute int, trades_per_day int,
         hourly_volume_usd numeric, daily_volume_usd numeric)
),
-- Each approval with the limits that held for it.
approval AS (
    SELECT o.*, max_position_size_usd, max_daily_loss_pct, opens_per_minute, trades_per_day, hourly_volume_usd,
           daily_volume_usd
    FROM opening o
    LEFT JOIN limits l ON l.trader_id = o.trader_id AND l.from_event < o.approved
                      AND (l.until_event IS NULL OR o.approved < l.until_event)
),
-- Each approval beside every opening of the account that was approved by then, itself too, and what of it was left.
seen AS (
    SELECT a.order_id, o.order_id AS other_id, o.market_id = a.market_id AS is_same_market, o.notional_usd, o.taken_usd,
           a.approved_at - o.approved_at AS ago,
           (o.filled IS NULL OR o.filled > a.approved) AND (o.dropped IS NULL OR o.dropped > a.approved) AS is_pending,
           CASE WHEN o.filled < a.approved THEN
               1 - coalesce((SELECT sum(c.collateral_usd) FROM closing c
                             WHERE c.position_id = o.position_id AND c.filled < a.approved), 0) / o.collateral_usd
               WHEN o.dropped < a.approved THEN 0 ELSE 1 END AS share_left,
           CASE WHEN o.filled < a.approved THEN o.open_worst_usd ELSE o.pending_worst_usd END AS worst_usd
    FROM approval a
    JOIN opening o ON o.trader_id = a.trader_id AND o.mode = a.mode AND o.approved <= a.approved
)
"""

# Each law lists what breaks it: trader, order, what was reached, what was allowed.
LAWS: dict[str, str] = {
    "every ledger transaction sums to zero": """
        SELECT min(trader_id), NULL::bigint, sum(amount_usd), 0 FROM booked
        GROUP BY transaction_id HAVING sum(amount_usd) <> 0
    """,
    "no free balance was ever negative": """
        SELECT trader_id, NULL::bigint, balance, 0 FROM (
            SELECT trader_id, sum(amount_usd) OVER (PARTITION BY trader_id, mode ORDER BY at_event, transaction_id)
                   AS balance
            FROM booked WHERE account = 'free') AS prefix
        WHERE balance < 0
    """,
    "collateral and fees of all pending openings are covered at each approval": """
        SELECT a.trader_id, a.order_id, wanted.usd, held.usd
        FROM approval a,
        LATERAL (SELECT sum(taken_usd) AS usd FROM seen s WHERE s.order_id = a.order_id AND is_pending) AS wanted,
        LATERAL (SELECT coalesce(sum(amount_usd), 0) AS usd FROM booked b WHERE b.trader_id = a.trader_id
                 AND b.mode = a.mode AND b.account = 'free' AND b.at_event < a.approved) AS held
        WHERE wanted.usd > held.usd
    """,
    "the notional in one market is within the limit at each approval": """
        SELECT a.trader_id, a.order_id, reached.usd, a.max_position_size_usd
        FROM approval a,
        LATERAL (SELECT sum(notional_usd * share_left) AS usd FROM seen s
                 WHERE s.order_id = a.order_id AND is_same_market) AS reached
        WHERE reached.usd > coalesce(a.max_position_size_usd, 0) + 0.0001
    """,
    # What the ledger has lost besides the fees of opening, and the worst of all that is open, pending and asked for.
    "the day's loss with everything at its worst is within the budget at each approval": """
        SELECT a.trader_id, a.order_id, lost.usd + reached.usd, a.max_daily_loss_pct * lost.began_with
        FROM approval a,
        LATERAL (SELECT sum(worst_usd * share_left) AS usd FROM seen s WHERE s.order_id = a.order_id) AS reached,
        LATERAL (SELECT -sum(amount_usd) FILTER (WHERE account IN ('free', 'collateral', 'deposits')) AS usd,
                        -sum(amount_usd) FILTER (WHERE account = 'deposits') AS began_with
                 FROM booked b WHERE b.trader_id = a.trader_id AND b.mode = a.mode AND b.at_event < a.approved) AS lost
        WHERE lost.usd + reached.usd > coalesce(a.max_daily_loss_pct, 0) * lost.began_with + 0.0001
    """,
    "openings in a minute": """
        SELECT a.trader_id, a.order_id, count(*), a.opens_per_minute FROM approval a JOIN seen s USING (order_id)
        WHERE ago < interval '60 s' GROUP BY a.trader_id, a.order_id, a.opens_per_minute
        HAVING count(*) > coalesce(a.opens_per_minute, 0)
    """,
    "openings in a day": """
        SELECT a.trader_id, a.order_id, count(*), a.trades_per_day FROM approval a JOIN seen s USING (order_id)
        WHERE ago < interval '24 h' GROUP BY a.trader_id, a.order_id, a.trades_per_day
        HAVING count(*) > coalesce(a.trades_per_day, 0)
    """,
    "notional opened in an hour": """
        SELECT a.trader_id, a.order_id, sum(s.notional_usd), a.hourly_volume_usd
        FROM approval a JOIN seen s USING (order_id)
        WHERE ago < interval '1 h' GROUP BY a.trader_id, a.order_id, a.hourly_volume_usd
        HAVING sum(s.notional_usd) > coalesce(a.hourly_volume_usd, 0)
    """,
    "notional opened in a day": """
        SELECT a.trader_id, a.order_id, sum(s.notional_usd), a.daily_volume_usd
        FROM approval a JOIN seen s USING (order_id)
        WHERE ago < interval '24 h' GROUP BY a.trader_id, a.order_id, a.daily_volume_usd
        HAVING sum(s.notional_usd) > coalesce(a.daily_volume_usd, 0)
    """,
}


def violations(traders: Collection[int], history: History) -> list[Violation]:
    """All that ever broke a law on these traders' accounts; an approval without known limits breaks every one."""
    given: dict[str, Any] = {
        "traders": list(traders),
        "history": json.dumps(list(history), default=str),
        "slippage": settings.MAX_SLIPPAGE_PCT,
    }
    found: list[Violation] = []
    with connection.cursor() as cursor:
        for law, query in LAWS.items():
            cursor.execute(_FACTS + query, given)
            found += [(law, *row) for row in cursor.fetchall()]
    return found
