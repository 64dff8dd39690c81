"""What holding positions costs: rollover and funding of DRY positions, booked set by set."""

from django.db import connection

# Costs accrue by the hour on the notional; with them the liquidation price moves (the venue's formula, 85 %).
_ACCRUE = """
    UPDATE trading_position p
    SET accrued_usd = p.accrued_usd + cost.usd,
        accrued_until = cost.until,
        liquidation_price = p.entry_price + (CASE p.side WHEN 'long' THEN -1 ELSE 1 END) * p.entry_price
            * (p.collateral_usd * 0.85 - p.accrued_usd - cost.usd) / (p.collateral_usd * p.leverage)
    FROM (
        SELECT q.id, now() AS until,
               round(q.collateral_usd * q.leverage
                     * (CASE q.side
                        WHEN 'long' THEN m.rollover_rate_per_hour_long + m.funding_rate_per_hour_long
                        ELSE m.rollover_rate_per_hour_short + m.funding_rate_per_hour_short END)
                     * (extract(epoch FROM now() - q.accrued_until) / 3600)::numeric, 6) AS usd
        FROM trading_position q JOIN feeds_market m ON m.id = q.market_id
        WHERE q.status = 'open' AND q.mode = 'DRY' AND q.accrued_until < now()
        FOR UPDATE OF q SKIP LOCKED
    ) AS cost
    WHERE p.id = cost.id
"""


def accrue_funding() -> int:
    """Book the rollover and funding of all open DRY positions up to now; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(_ACCRUE)
        return int(cursor.rowcount)
