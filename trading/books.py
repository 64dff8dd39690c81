"""The invariants of the books, as queries that answer (subject, detail) of every row that breaks one.

They are written in SQL against the tables, not with the code that fills them, so that the same mistake cannot be on
both sides. In [[brackets]] is what a query can be narrowed by, to what was written since some row of a table.
"""

import re
from dataclasses import dataclass

GROWING = ("orderevent", "fill", "positionevent", "ledgertransaction", "ledgerentry")  # whose newest rows are kept
NARROWED = re.compile(r"\[\[(.+?)\]\]")

ORDERS = "SELECT order_id FROM trading_orderevent WHERE id > %(orderevent)s"
ACCOUNTS = "SELECT trader_id, mode FROM trading_ledgerentry WHERE id > %(ledgerentry)s"
TRANSACTIONS = "SELECT id FROM trading_ledgertransaction WHERE id > %(ledgertransaction)s"
POSITIONS = (
    "SELECT position_id FROM trading_fill WHERE id > %(fill)s "
    "UNION SELECT position_id FROM trading_positionevent WHERE id > %(positionevent)s"
)


@dataclass(frozen=True, slots=True)
class Invariant:
    """`rule` says to people what always holds; `query` finds what breaks it; `written` is what it is narrowed to."""

    code: str
    rule: str
    written: str
    query: str

    @property
    def whole(self) -> str:
        """The query over everything."""
        return NARROWED.sub("TRUE", self.query)

    @property
    def narrowed(self) -> str:
        """The query over what was written since; its parameters are the newest ids of GROWING then."""
        return NARROWED.sub(lambda found: f"{found[1]} IN ({self.written})", self.query)


INVARIANTS = (
    Invariant(
        "ledger_sums_to_zero",
        "Every ledger transaction sums to zero.",
        TRANSACTIONS,
        """
        SELECT t.reference, 'sums to ' || sum(e.amount_usd)
        FROM trading_ledgertransaction t JOIN trading_ledgerentry e ON e.transaction_id = t.id
        WHERE [[t.id]] GROUP BY t.id HAVING sum(e.amount_usd) <> 0
        """,
    ),
    Invariant(
        "balance_is_the_ledgers",
        "Every free balance is what the ledger says.",
        ACCOUNTS,
        """
        SELECT 'trader ' || a.trader_id || ' ' || a.mode,
               'balance ' || a.free_balance_usd || ', ledger ' || coalesce(l.amount, 0)
        FROM trading_account a
        LEFT JOIN (SELECT trader_id, mode, sum(amount_usd) AS amount FROM trading_ledgerentry
                   WHERE account = 'free' AND [[(trader_id, mode)]] GROUP BY trader_id, mode) l USING (trader_id, mode)
        WHERE a.free_balance_usd <> coalesce(l.amount, 0) AND [[(a.trader_id, a.mode)]]
        """,
    ),
    Invariant(
        "collateral_is_the_ledgers",
        "The collateral of a trader's open positions is what the ledger says.",
        ACCOUNTS,
        """
        SELECT 'trader ' || trader_id || ' ' || mode,
               'positions ' || coalesce(p.amount, 0) || ', ledger ' || coalesce(l.amount, 0)
        FROM (SELECT trader_id, mode, sum(collateral_usd) AS amount FROM trading_position
              WHERE status = 'open' AND [[(trader_id, mode)]] GROUP BY trader_id, mode) p
        FULL JOIN (SELECT trader_id, mode, sum(amount_usd) AS amount FROM trading_ledgerentry
                   WHERE account = 'collateral' AND [[(trader_id, mode)]] GROUP BY trader_id, mode
        ) l USING (trader_id, mode)
        WHERE coalesce(p.amount, 0) <> coalesce(l.amount, 0)
        """,
    ),
    Invariant(
        "escrow_is_the_ledgers",
        "What is held for a trader's resting orders is what the ledger says.",
        ACCOUNTS,
        """
        SELECT 'trader ' || trader_id || ' ' || mode,
               'resting orders ' || coalesce(o.amount, 0) || ', ledger ' || coalesce(l.amount, 0)
        FROM (SELECT o.trader_id, o.mode, sum(p.escrow_usd) AS amount
              FROM trading_order o JOIN trading_placement p ON p.order_id = o.id
              WHERE o.state = 'RESTING' AND [[(o.trader_id, o.mode)]] GROUP BY o.trader_id, o.mode) o
        FULL JOIN (SELECT trader_id, mode, sum(amount_usd) AS amount FROM trading_ledgerentry
                   WHERE account = 'escrow' AND [[(trader_id, mode)]] GROUP BY trader_id, mode
        ) l USING (trader_id, mode)
        WHERE coalesce(o.amount, 0) <> coalesce(l.amount, 0)
        """,
    ),
    Invariant(
        "resting_orders_have_a_place",
        "Every order that rests has its place at the venue, and a cancel that is done has ended another order.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.kind || ' ' || o.state || coalesce(' of an order that is ' || c.state, ' nowhere')
        FROM trading_order o LEFT JOIN trading_placement p ON p.order_id = o.id
        LEFT JOIN trading_order c ON c.id = o.cancels_id
        WHERE ((o.state = 'RESTING' AND p.id IS NULL)
               OR (o.kind = 'cancel' AND o.state = 'FILLED' AND c.state <> 'CANCELED'))
          AND [[o.id]]
        """,
    ),
    Invariant(
        "position_is_its_fills",
        "A position holds what its openings put in and its closings have not taken out, and the margin added.",
        POSITIONS,
        """
        SELECT 'position ' || p.id, 'holds ' || p.collateral_usd || ', its fills say ' || f.held
        FROM trading_position p JOIN (
            SELECT position_id, sum(amount) AS held FROM (
                SELECT f.position_id,
                       CASE o.kind WHEN 'close' THEN -f.collateral_usd ELSE f.collateral_usd END AS amount
                FROM trading_fill f JOIN trading_order o ON o.id = f.order_id
                WHERE [[f.position_id]]
                UNION ALL
                SELECT v.position_id, e.amount_usd
                FROM trading_positionevent v
                JOIN trading_ledgertransaction t ON t.reference = 'margin:' || v.id
                JOIN trading_ledgerentry e ON e.transaction_id = t.id AND e.account = 'collateral'
                WHERE [[v.position_id]]
            ) amounts GROUP BY position_id
        ) f ON f.position_id = p.id
        WHERE p.collateral_usd <> f.held
        """,
    ),
    Invariant(
        "fill_has_one_filled_order",
        "Every filled trade has one fill, and every fill a filled order.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.state || ' with ' || count(f.id) || ' fills'
        FROM trading_order o LEFT JOIN trading_fill f ON f.order_id = o.id
        WHERE o.kind IN ('open', 'increase', 'close') AND [[o.id]] GROUP BY o.id
        HAVING (o.state = 'FILLED' AND count(f.id) <> 1)
            OR (o.state NOT IN ('FILLED', 'PARTIALLY_FILLED') AND count(f.id) > 0)
        """,
    ),
    Invariant(
        "change_is_one_event",
        "Every order that changed a position is one event of it, and no other order is.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.kind || ' ' || o.state || CASE WHEN e.id IS NULL THEN ' without' ELSE ' with' END
               || ' an event of its position'
        FROM trading_order o LEFT JOIN trading_positionevent e ON e.order_id = o.id
        WHERE (o.kind IN ('stops', 'add_margin', 'take_margin') AND o.state = 'FILLED')
              IS DISTINCT FROM (e.id IS NOT NULL)
          AND [[o.id]]
        """,
    ),
    Invariant(
        "what_left_has_an_intent",
        "An order that was on its way has the one message committed before it, unless the venue acted by itself.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.state || ' without an intent'
        FROM trading_order o
        WHERE o.state IN ('SUBMITTING', 'ACCEPTED', 'RESTING', 'PARTIALLY_FILLED', 'FILLED', 'REJECTED', 'UNKNOWN')
          AND NOT EXISTS (SELECT 1 FROM trading_intent i WHERE i.order_id = o.id)
          AND NOT EXISTS (SELECT 1 FROM trading_fill f
                          WHERE f.order_id = o.id AND starts_with(f.venue_fill_id, 'elsewhere-'))
          AND NOT EXISTS (SELECT 1 FROM trading_placement p WHERE p.order_id = o.id AND p.is_adopted)
          AND [[o.id]]
        """,
    ),
    Invariant(
        "history_is_whole",
        "The events of an order lead from its draft to its state without a gap.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.state || ', its last event says ' || coalesce(e.last_state, 'nothing')
        FROM trading_order o
        LEFT JOIN (SELECT order_id, count(*) AS events, max(sequence) AS newest,
                          (array_agg(to_state ORDER BY sequence DESC))[1] AS last_state
                   FROM trading_orderevent WHERE [[order_id]] GROUP BY order_id) e ON e.order_id = o.id
        WHERE (e.last_state IS DISTINCT FROM o.state OR e.events <> e.newest) AND [[o.id]]
        """,
    ),
    Invariant(
        "end_is_justified",
        "An order that ended without a fill says why.",
        ORDERS,
        """
        SELECT 'order ' || id, state || ' without a reason'
        FROM trading_order
        WHERE state IN ('DENIED', 'REJECTED', 'CANCELED', 'EXPIRED') AND reason = '' AND [[id]]
        """,
    ),
    Invariant(
        "paper_journal_is_booked",
        "What the paper venue has executed is booked, and nothing else is.",
        ORDERS,
        """
        SELECT 'order ' || o.id, o.state || ', the paper venue says ' ||
               CASE WHEN x.result ? 'fee_usd' THEN 'executed' ELSE 'not executed' END
        FROM trading_order o
        JOIN trading_intent i ON i.order_id = o.id
        LEFT JOIN trading_paperexecution x
            ON x.nonce = i.nonce || CASE o.order_type WHEN 'market' THEN '' ELSE '-end' END
        WHERE o.mode = 'DRY' AND o.kind IN ('open', 'increase', 'close')
          AND o.ended_at IS NOT NULL AND o.ended_at < now() - interval '60 seconds'
          AND (o.state = 'FILLED') IS DISTINCT FROM coalesce(x.result ? 'fee_usd', false)
          AND [[o.id]]
        """,
    ),
)
