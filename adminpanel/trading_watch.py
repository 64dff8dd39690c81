"""What stops trading or has to be looked at in the books, as alerts' conditions: all of it is rows that stay."""

import datetime as dt
from collections.abc import Collection
from functools import partial

from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from adminpanel.alert_conditions import Condition, Finding
from adminpanel.models import Alert
from risk import trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from trading.books import INVARIANTS
from trading.models import InvariantBreach, Order, VenueAlarm
from trading.order_state import OrderState
from trading.telegram.admins import admin_ids

STILL_NEWS = dt.timedelta(hours=1)  # a stop that was over for longer before anybody could tell of it is history
UNKNOWN_FOR = dt.timedelta(minutes=2)
AT_ONCE = 500  # more of one kind say no more
OF_ORDERS = Q(kind=VenueAlarm.Kind.UNKNOWN_ORDER)
RULES = {invariant.code: invariant.rule for invariant in INVARIANTS}
MEANINGS = {
    VenueAlarm.Kind.DISPUTED_FILL: "The venue tells of a fill that is not what was ordered. It was not booked.",
    VenueAlarm.Kind.IDENTITY: "Nothing is signed until it is as it was. Look before you trust it again.",
    VenueAlarm.Kind.REFUSED: "The venue refuses what it should take. It may have changed how it wants orders: "
    "stop openings with /stop until you know.",
    VenueAlarm.Kind.KEY: "No key, no signature: the order waits. Look at the signing worker's KEY_ENCRYPTION_KEYS.",
    VenueAlarm.Kind.BOOKS: "No LIVE openings for this trader until the books agree.",
    VenueAlarm.Kind.CHAIN: "No LIVE openings for its trader until the chain agrees. Look at the transaction on a block "
    "explorer; `manage.py accept_receipt` says that all is well.",
}


def stopped(now: dt.datetime) -> Finding | None:
    """Each change to a state that is not ACTIVE is news; so is one that was over before anybody could tell."""
    last = trading_state.last()
    if last is None:
        return None
    if last.state == TradingState.ACTIVE:
        missed = _missed(now)
        return _stop(missed) if missed and admin_ids() else None
    return _stop(last)


def _stop(change: TradingStateChange) -> Finding:
    what = f"{change.state.upper()}{' for maintenance' if change.is_maintenance else ''}"
    return Finding(
        {f"{what} at {change.created_at:%H:%M:%S} UTC": f"{change.actor}: {change.reason}"},
        change.created_at,
        is_critical=change.state == TradingState.HALTED,
    )


def _missed(now: dt.datetime) -> TradingStateChange | None:
    """The last stop, where it is young and no alert has told of it."""
    stop = TradingStateChange.objects.exclude(state=TradingState.ACTIVE.value).order_by("-id").first()
    if stop is None or now - stop.created_at > STILL_NEWS:
        return None
    young = Q(ended_at=None) | Q(ended_at__gte=stop.created_at)
    told = Alert.objects.filter(young, kind=Alert.Kind.TRADING_STOPPED)
    (subject,) = _stop(stop).subjects
    return None if any(subject in alert.told_subjects for alert in told) else stop


def _how_it_goes_on() -> str:
    last = trading_state.last()
    return f"{last.state.upper()} by {last.actor}: {last.reason}" if last else ""


def breaches(_now: dt.datetime) -> Finding | None:
    """Invariants that are broken, each row that breaks one."""
    found = InvariantBreach.objects.filter(ended_at=None).order_by("found_at", "pk")[:AT_ONCE]
    subjects = {f"{RULES.get(row.code, row.code)} ({row.subject})": row.detail for row in found}
    return Finding(subjects, found[0].found_at, is_critical=True) if subjects else None


def unknown_orders(now: dt.datetime) -> Finding | None:
    """Orders whose fate is not known for UNKNOWN_FOR, and those that rest at a venue which does not show them."""
    became = Max("events__at", filter=Q(events__to_state=OrderState.UNKNOWN))
    orders = Order.objects.filter(state=OrderState.UNKNOWN).annotate(since=Coalesce(became, "decided_at", "created_at"))
    lasting = orders.filter(since__lte=now - UNKNOWN_FOR).order_by("pk")[:AT_ONCE]
    alarms = VenueAlarm.objects.filter(OF_ORDERS).order_by("pk")[:AT_ONCE]
    subjects = {f"order {order.pk}": order.mode for order in lasting} | {row.subject: row.detail for row in alarms}
    since = [*(order.since for order in lasting), *(row.at for row in alarms)]
    return Finding(subjects, min(since), is_critical=True) if subjects else None


def venue_alarms(_now: dt.datetime) -> Finding | None:
    """What is wrong with the venue, until it is lifted."""
    found = VenueAlarm.objects.filter(~OF_ORDERS).order_by("at", "pk")[:AT_ONCE]
    subjects = {_name(row): _said(row) for row in found}
    return Finding(subjects, found[0].at, is_critical=True) if subjects else None


def _said(alarm: VenueAlarm) -> str:
    """What it means stands first: what follows may be cut off."""
    return " ".join([MEANINGS[_kind(alarm)], *([f"({alarm.detail})"] if alarm.detail else [])])


def _kind(alarm: VenueAlarm) -> VenueAlarm.Kind:
    return VenueAlarm.Kind(alarm.kind)


def _name(alarm: VenueAlarm) -> str:
    return f"{alarm.subject}, {_kind(alarm).label}"


def _mark_told(which: Q, _subjects: Collection[str], now: dt.datetime) -> None:
    """For the alarms' own page; what decides is what the alert knows of."""
    VenueAlarm.objects.filter(which, told_at=None, at__lte=now).update(told_at=now)


CONDITIONS = (
    Condition(Alert.Kind.TRADING_STOPPED, stopped, over=_how_it_goes_on),
    Condition(Alert.Kind.INVARIANT_BROKEN, breaches),
    Condition(Alert.Kind.UNKNOWN_ORDER, unknown_orders, told=partial(_mark_told, OF_ORDERS)),
    Condition(Alert.Kind.VENUE_ALARM, venue_alarms, told=partial(_mark_told, ~OF_ORDERS)),
)
