"""A replay in words, for the shell and the admin: what would change, and what it was held against. Plain text."""

from collections import Counter
from decimal import Decimal
from typing import Any

from trading.replay import Recheck, Redecision, Replay
from vanta.money import format_number, format_usd

HELD = (
    "Held as they were: prices, equity, exposure, pending orders, trading state and the venue's rules. "
    "Decided again: every limit against what was measured then, rate limits in order, protections on the stop-outs "
    "of positions that would have been opened."
)
OLD = "{count} of them were decided before limits were kept with the order: today's stand in for theirs."


def verdict(approved: bool) -> str:
    return "approved" if approved else "denied"


def number(value: Decimal | None) -> str:
    """Six significant decimals are enough for a person."""
    return "–" if value is None else format_number(round(value, 6))


def check(each: Recheck) -> str:
    """`leverage: 50 passes 500 → refused by 20`."""
    then, now = ("passed" if each.passed else "refused"), ("passes" if each.passes else "refused")
    return f"{each.code}: {number(each.measured)}, {then} by {number(each.limit_then)} → {now} by {number(each.limit)}"


def order_line(each: Redecision) -> str:
    """One order whose decision would be another one."""
    order = each.order
    return (
        f"#{order.pk} {order.decided_at:%Y-%m-%d %H:%M:%S} {order.trader} {order.market.symbol} "
        f"{order.mode} {order.side} {format_usd(order.collateral_usd)} × {format_number(order.leverage)}: "
        f"{verdict(each.was_approved)} → {verdict(each.would_be_approved)}"
    )


def lines(found: Replay) -> list[str]:
    """The changed orders with their checks, then the sum of it."""
    told = []
    for each in found.changed:
        told += [order_line(each), *(f"    {check(one)}" for one in each.checks)]
    return [*told, *summary(found)]


def summary(found: Replay) -> list[str]:
    """How many decisions would change, which way, and by what."""
    changed = found.changed
    newly_denied = [each for each in changed if each.was_approved]
    codes = Counter(one.code for each in newly_denied for one in each.checks if not one.passes)
    told = [
        f"{len(found.decisions)} orders decided again: {len(newly_denied)} approved → denied, "
        f"{len(changed) - len(newly_denied)} denied → approved, {len(found.decisions) - len(changed)} as they were."
    ]
    if codes:
        told.append("Denied by: " + ", ".join(f"{code} ×{count}" for code, count in codes.most_common()))
    if found.without_limits:
        told.append(OLD.format(count=found.without_limits))
    return [*told, HELD]


def as_json(found: Replay) -> dict[str, Any]:
    """The same for programs; numbers as strings."""
    return {
        "decided_again": len(found.decisions),
        "without_limits": found.without_limits,
        "held": HELD,
        "changed": [
            {
                "order": each.order.pk,
                "at": each.order.decided_at,
                "trader": each.order.trader.telegram_id,
                "market": each.order.market.symbol,
                "mode": each.order.mode,
                "side": each.order.side,
                "collateral_usd": each.order.collateral_usd,
                "leverage": each.order.leverage,
                "was": verdict(each.was_approved),
                "would_be": verdict(each.would_be_approved),
                "checks": [
                    {name: getattr(one, name) for name in Recheck.__slots__ if getattr(one, name) is not None}
                    for one in each.checks
                ],
            }
            for each in found.changed
        ],
    }
