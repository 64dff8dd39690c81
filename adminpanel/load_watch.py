"""What lies too long, what is denied too often and who asks too often, as alerts' conditions: counted in PostgreSQL."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Count, Min

from adminpanel.alert_conditions import Condition, Finding
from adminpanel.models import Alert
from risk import trading_state
from risk.trading_state import TradingState
from risk.usage import WINDOWS
from trading import denial_statistics
from trading.models import Order, OutboxMessage, TelegramUpdate
from trading.order_state import IN_FLIGHT, OrderState
from vanta.models import AuditEntry

INBOX_MAX_AGE = dt.timedelta(seconds=30)
OUTBOX_MAX_AGE = dt.timedelta(seconds=120)
ORDER_MAX_WAIT = dt.timedelta(seconds=30)
RECENT = dt.timedelta(minutes=5)
HOUR = dt.timedelta(hours=1)
CALM = dt.timedelta(minutes=5)  # what is counted over five minutes is over when five more were quiet
# Of five openings a minute and four denied tries each minute, nobody comes to twenty by hand.
DENIED_BY_LIMITS = 20
SPIKE_LEAST = 20  # denials in five minutes; below that a spike is one person who tries
SPIKE_TIMES = 4  # the usual of the hour before
LOG_IN_LOCKS = 3  # names or addresses that were locked in five minutes: somebody guesses
LOOKED_AT = 5000  # of the newest updates: more in five minutes are an attack, and found by the part that is seen
RATE_LIMITS = tuple(window.code for window in WINDOWS)
SHOWN_CODES = 3


def queue_age(now: dt.datetime) -> Finding | None:
    """The oldest of what waits in the inbox, the outbox and among the orders, where it is too old."""
    inbox = TelegramUpdate.objects.filter(status="new").aggregate(count=Count("pk"), since=Min("received_at"))
    outbox = OutboxMessage.objects.filter(status="pending").aggregate(count=Count("pk"), since=Min("created_at"))
    waiting: dict[str, tuple[Mapping[str, Any], dt.timedelta]] = {
        "updates from Telegram": (inbox, INBOX_MAX_AGE),
        "messages to Telegram": (outbox, OUTBOX_MAX_AGE),
        **_orders(now),
    }
    late = {name: rows for name, (rows, allowed) in waiting.items() if rows["since"] and now - rows["since"] > allowed}
    if not late:
        return None
    subjects = {
        name: f"{rows['count']} wait, the oldest since {rows['since']:%H:%M:%S} UTC" for name, rows in late.items()
    }
    return Finding(subjects, min(rows["since"] for rows in late.values()), is_critical=True)


def _orders(now: dt.datetime) -> dict[str, tuple[Mapping[str, Any], dt.timedelta]]:
    """By mode; halted, nothing is to leave."""
    if trading_state.current() is TradingState.HALTED:
        return {}
    due = Order.objects.filter(state__in=[OrderState.APPROVED, *IN_FLIGHT], next_check_at__lte=now)
    rows = due.values("mode").annotate(count=Count("pk"), since=Min("next_check_at")).order_by("mode")
    return {f"{row['mode']} orders": (row, ORDER_MAX_WAIT) for row in rows}


def rate_limit_abuse(now: dt.datetime) -> Finding | None:
    """Traders denied by rate limits, chats that write, and addresses that guess at the log-in, again and again."""
    since = now - RECENT
    denied = denial_statistics.orders_denied_by(RATE_LIMITS, since)
    subjects = {}
    if max(denied, default=0) >= DENIED_BY_LIMITS:
        subjects["openings"] = f"one trader was denied {max(denied)} in five minutes, {len(denied)} traders any"
    for user_id, count in _writing_too_much(since):
        subjects[f"Telegram user {user_id}"] = f"{count} messages in five minutes"
    locks = list(AuditEntry.objects.filter(action="log_in.lock").order_by("-seq")[:LOG_IN_LOCKS])
    if len(locks) == LOG_IN_LOCKS and locks[-1].created_at > since:
        addresses = sorted({str((entry.after or {}).get("address")) for entry in locks})
        subjects["log-in"] = f"{LOG_IN_LOCKS} locks in five minutes, from {', '.join(addresses)}"
    return Finding(subjects, now) if subjects else None


def _writing_too_much(since: dt.datetime) -> list[tuple[int, int]]:
    """Who has sent more than the limit in each of the five minutes, on the average."""
    newest = TelegramUpdate.objects.order_by("-update_id").values_list("update_id", flat=True).first()
    if newest is None:
        return []
    recent = TelegramUpdate.objects.filter(update_id__gt=newest - LOOKED_AT, received_at__gte=since, user_id__gt=0)
    allowed = settings.TELEGRAM_MESSAGES_PER_MINUTE * (RECENT // dt.timedelta(minutes=1))
    rows = recent.values_list("user_id").annotate(count=Count("pk")).filter(count__gt=allowed)
    return list(rows.order_by("-count", "user_id")[:SHOWN_CODES])


def denial_spike(now: dt.datetime) -> Finding | None:
    """More than SPIKE_LEAST in five minutes, and more than SPIKE_TIMES what five minutes of the hour before had."""
    recent = denial_statistics.denied_orders_since(now - RECENT)
    if recent <= SPIKE_LEAST:
        return None
    before = denial_statistics.denied_orders_since(now - RECENT - HOUR) - recent
    usual = before / (HOUR / RECENT)
    if recent <= SPIKE_TIMES * usual:
        return None
    codes = Counter[str]()
    for (code, _), count in denial_statistics.denials_by_code_since(now - RECENT).items():
        codes[code] += count
    shown = ", ".join(f"{code} {count}" for code, count in codes.most_common(SHOWN_CODES))
    return Finding({"": f"{recent} in five minutes, usual are {usual:.1f}: {shown}"}, now)


CONDITIONS = (
    Condition(Alert.Kind.QUEUE_AGE, queue_age, patience=dt.timedelta(seconds=30), calm=dt.timedelta(seconds=15)),
    Condition(Alert.Kind.RATE_LIMIT_ABUSE, rate_limit_abuse, calm=CALM),
    Condition(Alert.Kind.DENIAL_SPIKE, denial_spike, calm=CALM),
)
