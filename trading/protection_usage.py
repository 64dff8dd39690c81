"""Which of a trader's protections are on, and which lock openings now; read for people, decided on by nobody."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from feeds.models import Market
from risk.rules import protections as rules
from risk.values import Protections
from trading import risk_inputs
from trading.limits import limits_of
from trading.models import Trader
from trading.risk_inputs import Desk
from vanta import clock
from vanta.money import ZERO


@dataclass(frozen=True, slots=True)
class ProtectionUsage:
    """The locks that hold in one account, with the times when they end; `drawdown` is a fraction of the highest.

    `locked_markets` are symbols with those times, the first to end first.
    """

    protections: Protections
    drawdown: Decimal
    cooldown_until: dt.datetime | None
    drawdown_until: dt.datetime | None
    locked_markets: Sequence[tuple[str, dt.datetime]]


def protection_usage(trader: Trader, mode: str) -> ProtectionUsage | None:
    """At the prices of now. None, and nothing is read, where all protections are off."""
    protections = limits_of(trader).protections
    if protections == Protections():
        return None
    held = Desk.of([trader.pk], protections={trader.pk: protections}).account(trader.pk, mode)
    account, now_ms = risk_inputs.account_snapshot(held), clock.now_ms()

    def until(ends: rules.Ends, market_id: int | None = None) -> dt.datetime | None:
        ends_ms = ends(replace(account, losses=risk_inputs.losses(held, market_id)), protections, now_ms)
        return None if ends_ms is None else rules.ends_at(ends_ms)

    return ProtectionUsage(
        protections=protections,
        drawdown=rules.drawdown(account, protections.drawdown_days, now_ms) if protections.drawdown_days else ZERO,
        cooldown_until=until(rules.cooldown_ends_ms),
        drawdown_until=until(rules.drawdown_ends_ms),
        locked_markets=_locked(
            {each.market_id for each in held.lately.stop_outs}, lambda market_id: until(rules.market_ends_ms, market_id)
        ),
    )


def _locked(market_ids: set[int], until: Callable[[int], dt.datetime | None]) -> Sequence[tuple[str, dt.datetime]]:
    ends = {pk: at for pk in market_ids if (at := until(pk)) is not None}
    if not ends:
        return []
    symbols = dict(Market.objects.filter(pk__in=ends).values_list("pk", "symbol"))
    return sorted(((symbols[pk], at) for pk, at in ends.items()), key=lambda each: (each[1], each[0]))
