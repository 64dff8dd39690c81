"""Whose day's loss may have reached the limit: a look at all accounts in one statement, before any is read in full.

It computes what the rule does (`risk.rules.day`) on the same prices, without the gains that the venue takes a share of,
and with a cent in favour of looking closer. An account that it cannot judge is looked at.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from feeds import selectors as feeds
from feeds.models import Market
from trading import valuation
from trading.limits import bindings
from trading.models import LedgerEntry, LedgerTransaction, Position, Trader
from trading.order_state import OrderState

NO_POLICY = 0
TOLERANCE_USD = Decimal("0.01")
_NEAR = f"""
    WITH limits AS (SELECT * FROM unnest(%(tiers)s::bigint[], %(policies)s::bigint[], %(own)s::bigint[],
                                         %(shares)s::numeric[]) AS each (tier_id, policy_id, own_policy_id, share)),
    mark AS (SELECT * FROM unnest(%(markets)s::bigint[], %(prices)s::numeric[]) AS each (id, price)),
    held AS (
        SELECT p.trader_id, p.mode, sum(p.collateral_usd) AS collateral, bool_or(mark.id IS NULL) AS is_unpriced,
               sum(greatest(
                   CASE WHEN m.is_upside THEN least(gross.usd, 0)
                        ELSE gross.usd - p.collateral_usd * p.leverage * m.close_fee_rate END - p.accrued_usd,
                   -p.collateral_usd)) AS pnl
        FROM trading_position p JOIN feeds_market m ON m.id = p.market_id LEFT JOIN mark ON mark.id = p.market_id
        CROSS JOIN LATERAL (SELECT CASE p.side
            WHEN 'long' THEN mark.price * (1 - m.spread_rate) - p.entry_price
            ELSE p.entry_price - mark.price * (1 + m.spread_rate) END
            * p.collateral_usd * p.leverage / p.entry_price AS usd) AS gross
        WHERE p.status = '{Position.Status.OPEN.value}'
        GROUP BY p.trader_id, p.mode
    ),
    ended AS (
        SELECT DISTINCT o.trader_id FROM trading_ledgertransaction l JOIN trading_order o ON o.id = l.order_id
        WHERE l.at >= %(begin)s
          AND l.kind IN ('{LedgerTransaction.Kind.CLOSE.value}', '{LedgerTransaction.Kind.LIQUIDATION.value}')
    ),
    exposed AS (
        SELECT a.*, held.collateral, held.pnl, held.is_unpriced
        FROM trading_account a LEFT JOIN held ON held.trader_id = a.trader_id AND held.mode = a.mode
        WHERE held.trader_id IS NOT NULL OR a.trader_id IN (SELECT trader_id FROM ended)
    ),
    paid_in AS (
        SELECT e.trader_id, e.mode, -sum(e.amount_usd) AS usd FROM trading_ledgerentry e
        WHERE e.account = '{LedgerEntry.Account.DEPOSITS.value}' AND e.trader_id IN (SELECT trader_id FROM exposed)
        GROUP BY e.trader_id, e.mode
    ),
    waiting AS (
        SELECT o.trader_id, o.mode, sum(p.escrow_usd) AS usd
        FROM trading_order o JOIN trading_placement p ON p.order_id = o.id
        WHERE o.state = '{OrderState.RESTING.value}' GROUP BY o.trader_id, o.mode
    )
    SELECT DISTINCT a.trader_id
    FROM exposed a JOIN trading_trader t ON t.id = a.trader_id JOIN limits
        ON (limits.tier_id, limits.policy_id, limits.own_policy_id)
           = (coalesce(t.tier_id, 0), coalesce(t.policy_id, 0), coalesce(t.own_policy_id, 0))
    LEFT JOIN paid_in ON paid_in.trader_id = a.trader_id AND paid_in.mode = a.mode
    LEFT JOIN waiting ON waiting.trader_id = a.trader_id AND waiting.mode = a.mode
    LEFT JOIN trading_dayopening d ON d.trader_id = a.trader_id AND d.mode = a.mode AND d.day = %(day)s
    WHERE d.locked_at IS NULL AND (d.id IS NULL OR a.is_unpriced OR
        d.free_usd + d.collateral_usd + d.unrealised_usd + coalesce(paid_in.usd, 0) - d.deposited_usd
        - a.free_balance_usd - coalesce(waiting.usd, 0) - coalesce(a.collateral + a.pnl, 0) + %(tolerance)s
        >= greatest(limits.share * (d.free_usd + d.collateral_usd + d.unrealised_usd), 0))
    ORDER BY a.trader_id
"""  # noqa: S608  (constants of this module and of the models)


def near_limit(now: dt.datetime) -> list[int]:
    """The traders, by id, with an account that is not locked yet and whose day's loss may have reached its limit.

    Looked at are accounts with open positions, and those whose last one may have ended since: stopped out or
    liquidated. One without a written opening of its day, or with a position without any price, may always have.
    """
    prices = _prices()
    terms: dict[str, Any] = {
        **_shares(),
        "markets": list(prices),
        "prices": list(prices.values()),
        "begin": now.replace(hour=0, minute=0, second=0, microsecond=0),
        "day": now.date(),
        "tolerance": TOLERANCE_USD,
    }
    # Whoever believes that few accounts are exposed, or that today has no openings yet, joins all of them with all.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_NEAR, terms)
        found = [row[0] for row in cursor.fetchall()]
        cursor.execute("SET LOCAL enable_nestloop = on")
    return found


def _shares() -> dict[str, list[Any]]:
    """Which share of the opening equity a day may lose, by what the traders point at."""
    pointed_at = Trader.objects.order_by().values_list("tier_id", "policy_id", "own_policy_id").distinct()
    known = bindings(pointed_at)
    return {
        "tiers": [tier or NO_POLICY for tier, _, _ in known],
        "policies": [policy or NO_POLICY for _, policy, _ in known],
        "own": [own or NO_POLICY for _, _, own in known],
        "shares": [binding.limits.max_daily_loss_pct for binding in known.values()],
    }


def _prices() -> dict[int, Decimal]:
    """The mark, or the last known price, of every market that anybody holds, by its id."""
    held = Market.objects.filter(positions__status=Position.Status.OPEN).distinct()
    symbols = dict(held.values_list("symbol", "pk"))
    if not symbols:
        return {}
    known = valuation.known_prices(feeds.mark_prices(sorted(symbols)), symbols)
    return {symbols[symbol]: price for symbol, price in known.items() if symbol in symbols}
