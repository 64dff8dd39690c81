"""The UTC day of an account: its opening written down at midnight, and its lock once the day's loss reaches the limit.

A day that nobody wrote down at midnight is worked out by the first decision of the day.
"""

from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from risk.rules import day as rules
from risk.values import Limits
from trading import day_openings, outbox
from trading.day_openings import PricesThen
from trading.limits import bindings_of, limits_of
from trading.models import Account, DayOpening, Order, Position, Trader
from trading.models.loading import lock_traders
from trading.near_limit import near_limit
from trading.risk_inputs import Desk, account_snapshot
from trading.transactions import joined
from vanta import clock

log = structlog.get_logger(__name__)
BATCH = 100


def open_days() -> int:
    """Write down today's opening of every account that holds anything and has none; answers of how many traders."""
    count, last, prices = 0, 0, PricesThen()
    while opened := _open_some(last, prices):
        count, last = count + len(opened), opened[-1]
    return count


@transaction.atomic
def _open_some(after: int, prices: PricesThen) -> list[int]:
    """The next traders, by id; all batches share the prices of midnight."""
    now = clock.now()
    written = DayOpening.objects.filter(trader=OuterRef("trader"), mode=OuterRef("mode"), day=now.date())
    held = Position.objects.filter(trader=OuterRef("trader"), mode=OuterRef("mode"), status=Position.Status.OPEN)
    unwatched = day_openings.unwatched_before(now.date()).filter(trader=OuterRef("trader"), mode=OuterRef("mode"))
    waiting = Account.objects.filter(Q(free_balance_usd__gt=0) | Exists(held), trader__gt=after)
    waiting = waiting.exclude(Exists(written)).exclude(Exists(unwatched))
    traders = list(waiting.order_by("trader").values_list("trader_id", flat=True).distinct()[:BATCH])
    if traders:
        lock_traders(traders)
        day_openings.write_down(day_openings.reconstructed(traders, now, prices).values())
    return traders


def lock_reached() -> int:
    """Lock the day of every account whose loss has reached the limit; answers how many."""
    count = 0
    traders = near_limit(clock.now())
    for first in range(0, len(traders), BATCH):
        count += _lock_some(traders[first : first + BATCH])
    return count


def _lock_some(trader_ids: Sequence[int]) -> int:
    """A look without locks first: who is near the limit has rarely reached it."""
    traders = Trader.objects.in_bulk(trader_ids)
    desk, bindings = Desk.of(trader_ids), bindings_of(traders.values())
    held = [opening for opening in desk.openings if opening.locked_at is None]
    reached = [each for each in held if _has_reached(desk, bindings[each.trader_id].limits, each)]
    return sum(_lock(traders[each.trader_id], each.mode) for each in reached)


def _has_reached(desk: Desk, limits: Limits, opening: DayOpening) -> bool:
    account = account_snapshot(desk.account(opening.trader_id, opening.mode))
    return rules.is_locked(account, limits)


def lock_if_reached(order: Order) -> bool:
    """After a decision that was denied because the day's loss has reached the limit: keep it so until midnight."""
    checks = order.decision.get("checks", ())
    reached = any(check["code"] == "daily_loss_locked" and not check["passed"] for check in checks)
    return reached and _lock(order.trader, order.mode)


@joined
def _lock(trader: Trader, mode: str) -> bool:
    """Read again under the trader's lock; the first to lock a day tells the trader and the admins."""
    lock_traders([trader.pk])
    desk, limits = Desk.of([trader.pk]), limits_of(Trader.objects.get(pk=trader.pk))
    held = desk.account(trader.pk, mode)
    account = account_snapshot(held)
    if held.opening is None or held.opening.locked_at is not None or not rules.is_locked(account, limits):
        return False
    day_openings.write_down(desk.openings, is_final=True)
    DayOpening.objects.filter(trader=trader, mode=mode, day=held.opening.day).update(locked_at=clock.now())
    told = {
        "trader": str(trader),
        "mode": mode,
        "loss_usd": str(rules.day_loss_usd(account)),
        "limit_usd": str(rules.limit_usd(account, limits)),
        "opening_usd": str(rules.opening_equity_usd(account)),
        "day": held.opening.day.isoformat(),
    }
    outbox.owe(trader.chat_id, outbox.DAY_LOCKED, told)
    for chat_id in {*settings.ADMIN_USER_IDS, *settings.SUPER_ADMIN_IDS} - {trader.chat_id}:
        outbox.owe(chat_id, outbox.DAY_LOCKED, {**told, "to_admin": True})
    log.warning("day_locked", trader_id=trader.pk, mode=mode, loss_usd=told["loss_usd"], limit_usd=told["limit_usd"])
    return True
