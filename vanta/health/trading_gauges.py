"""What trading is now, read from PostgreSQL at each scrape: controls, orders, exposure, denials, activity."""

import datetime as dt
from collections.abc import Mapping

from django.db.models import Count, DecimalField, F, Max, Min, Q, Sum
from django.db.models.functions import Coalesce
from prometheus_client.core import Metric

from risk.models import ExecutionMode, ExecutionModeChange, TradingStateChange
from risk.usage import WINDOWS
from risk.values import TradingState
from trading import denial_statistics
from trading.models import Order, OutboxMessage, Position, TelegramUpdate, Trader
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT, PENDING, OrderState
from vanta import clock
from vanta.health.families import gauge, over

RECENT = dt.timedelta(minutes=5)
DAY = dt.timedelta(days=1)
SIDES = ("long", "short")
RATE_LIMITS = tuple(window.code for window in WINDOWS)
_NOTIONAL = Sum(F("collateral_usd") * F("leverage"), output_field=DecimalField(max_digits=34, decimal_places=10))


def controls() -> list[Metric]:
    """Trading state and execution mode: the one that holds is 1."""
    state = TradingStateChange.objects.order_by("-id").values_list("state", flat=True).first() or TradingState.ACTIVE
    mode = ExecutionModeChange.objects.order_by("-id").values_list("mode", flat=True).first() or ExecutionMode.DRY
    states = {each.value: int(each == state) for each in TradingState}
    modes = {each.value: int(each == mode) for each in ExecutionMode}
    return [
        gauge("vanta_trading_state", "1 for the state that holds.", ["state"], states),
        gauge("vanta_execution_mode", "1 for the system's mode.", ["mode"], modes),
    ]


def orders() -> list[Metric]:
    """Orders that are not done, and how long the oldest waits; open positions and what they hold."""
    pending = Order.objects.filter(state__in=PENDING).values_list("state", "mode").annotate(count=Count("pk"))
    counts = {(state, mode): count for state, mode, count in pending.order_by("state", "mode")}
    due = Order.objects.filter(state__in=[OrderState.APPROVED, *IN_FLIGHT], next_check_at__lte=clock.now())
    waiting = due.values_list("mode").annotate(count=Count("pk"), since=Min("next_check_at")).order_by("mode")
    rows = {mode: (count, since) for mode, count, since in waiting}
    return [
        gauge("vanta_orders_pending", "Orders decided and not ended.", ["state", "mode"], counts),
        _of_modes("vanta_orders_due", "Orders whose turn has come.", {m: n for m, (n, _) in rows.items()}),
        _of_modes(
            "vanta_orders_due_oldest_seconds",
            "How long the turn of the most overdue order has come.",
            {mode: _age_s(since) for mode, (_, since) in rows.items()},
        ),
        _of_modes("vanta_orders_unknown_oldest_seconds", "How long an order has been UNKNOWN.", _unknown_since()),
        *_exposure(),
    ]


def _unknown_since() -> dict[str, float]:
    became = Max("events__at", filter=Q(events__to_state=OrderState.UNKNOWN))
    unknown = Order.objects.filter(state=OrderState.UNKNOWN).annotate(
        since=Coalesce(became, "decided_at", "created_at")
    )
    ages: dict[str, float] = {}
    for mode, since in unknown.values_list("mode", "since"):
        ages[mode] = max(ages.get(mode, 0), _age_s(since))
    return ages


def _exposure() -> list[Metric]:
    held = Position.objects.filter(status=Position.Status.OPEN).values_list("mode", "side")
    figures = held.annotate(count=Count("pk"), collateral=Sum("collateral_usd"), notional=_NOTIONAL)
    rows = {(mode, side): figure for mode, side, *figure in figures.order_by("mode", "side")}
    zeros = {(mode, side): [0, 0, 0] for mode in Mode.values for side in SIDES}
    texts = {
        "vanta_positions_open": "Open positions.",
        "vanta_exposure_collateral_usd": "Collateral of open positions, USDC.",
        "vanta_exposure_notional_usd": "Collateral times leverage of open positions, USDC.",
    }
    all_rows = {**zeros, **rows}
    return [
        gauge(name, what, ["mode", "side"], {key: float(row[place]) for key, row in all_rows.items()})
        for place, (name, what) in enumerate(texts.items())
    ]


def messages() -> list[Metric]:
    """What is owed to chats, and what came from them and is not handled."""
    outbox = OutboxMessage.objects.filter(status="pending").aggregate(count=Count("pk"), since=Min("created_at"))
    inbox = TelegramUpdate.objects.filter(status="new").aggregate(count=Count("pk"), since=Min("received_at"))
    found: list[Metric] = []
    for name, what, rows in (("outbox", "Messages owed to chats", outbox), ("inbox", "Updates not yet handled", inbox)):
        age_s = _age_s(rows["since"]) if rows["since"] else 0
        found.append(gauge(f"vanta_{name}_pending", f"{what}.", [], {(): rows["count"]}))
        found.append(gauge(f"vanta_{name}_oldest_seconds", f"{what}: age of the oldest.", [], {(): age_s}))
    return found


def denials() -> list[Metric]:
    """Denials of the last five minutes, and how many of them hit one trader with rate limits; who trades at all."""
    now = clock.now()
    recent = denial_statistics.denials_by_code_since(now - RECENT)
    limited = denial_statistics.orders_denied_by(RATE_LIMITS, now - RECENT)
    decided = Order.objects.filter(decided_at__gte=now - DAY)
    active = dict(decided.values_list("mode").annotate(count=Count("trader", distinct=True)).order_by("mode"))
    connected = Trader.objects.filter(is_active=True).count()
    return [
        gauge("vanta_denials_recent", "Denials of the last 5 minutes, by code.", ["code", "mode"], recent),
        gauge(
            "vanta_rate_limited_most",
            "Orders denied by rate limits, of the trader with the most, in 5 minutes.",
            [],
            {(): max(limited, default=0)},
        ),
        gauge("vanta_rate_limited_traders", "Traders denied by rate limits in 5 minutes.", [], {(): len(limited)}),
        _of_modes("vanta_traders_active", "Traders with an order decided in 24 hours.", active),
        gauge("vanta_traders", "Traders who may open.", [], {(): connected}),
    ]


def _of_modes(name: str, what: str, rows: Mapping[str, float]) -> Metric:
    return gauge(name, what, ["mode"], over(Mode.values, rows))


def _age_s(since: dt.datetime) -> float:
    return max(0.0, (clock.now() - since).total_seconds())
