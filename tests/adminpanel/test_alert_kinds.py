"""What each kind of alert is told for, and what it says; what it is not told for."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from adminpanel import alert_texts, alerts, check_watch, load_watch, trading_watch, watch
from adminpanel.alert_conditions import CannotTell, Condition, Finding
from adminpanel.models import Alert
from risk import trading_state
from risk.trading_state import TradingState
from tests.adminpanel.alerting import only, told
from tests.factories import make_message, make_order, make_trader
from trading import alarms
from trading.models import InvariantBreach, TelegramUpdate, VenueAlarm
from vanta import audit, clock, heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admins")]
Kind = Alert.Kind
CONDITIONS = {condition.kind: condition for condition in [*watch.ALWAYS, *check_watch.conditions({})]}


def ago(**span: float) -> dt.datetime:
    return clock.now() - dt.timedelta(**span)


def found(kind: Kind) -> Finding | None:
    return CONDITIONS[kind].look(clock.now())


def said(kind: Kind) -> str:
    finding = found(kind)
    assert finding is not None
    return alerts.detail_of(finding)


def tell(kind: Kind) -> list[str]:
    """All that is told at once: without waiting whether it lasts."""
    known = CONDITIONS[kind]
    alerts.tell(Condition(kind, known.look, over=known.over, told=known.told))
    return told()


def test_every_kind_has_a_condition_and_words() -> None:
    assert set(CONDITIONS) == set(Kind)
    assert set(alert_texts.WORDS) == set(Kind.values)


# Trading


def change(state: TradingState, **terms: Any) -> None:
    trading_state.change(state, actor="telegram:811 ada", reason="odd <fills>", **terms)


def test_a_stop_is_told_with_who_and_why_a_stricter_one_anew_and_who_resumed() -> None:
    assert tell(Kind.TRADING_STOPPED) == []
    change(TradingState.REDUCING)
    text = only(tell(Kind.TRADING_STOPPED))
    assert "🔴 <b>Trading is stopped</b>" in text
    assert "REDUCING at" in text
    assert "telegram:811 ada: odd &lt;fills&gt;" in text
    change(TradingState.HALTED)
    assert "🚨" in (text := only(tell(Kind.TRADING_STOPPED)))
    assert "HALTED at" in text
    change(TradingState.ACTIVE)
    assert "🟢 <b>Trading goes on</b>" in (text := only(tell(Kind.TRADING_STOPPED)))
    assert "ACTIVE by telegram:811 ada" in text


def test_a_stop_that_was_over_before_anybody_looked_is_told_all_the_same() -> None:
    change(TradingState.HALTED)
    change(TradingState.ACTIVE)
    assert "HALTED at" in only(tell(Kind.TRADING_STOPPED))
    assert "Trading goes on" in only(tell(Kind.TRADING_STOPPED))
    assert tell(Kind.TRADING_STOPPED) == []


def test_every_kind_of_venue_alarm_is_told_once_and_so_is_its_end() -> None:
    for kind in alarms.Kind:
        assert alarms.raise_alarm(kind, f"order <{kind}>", "a & b")
    text = only(tell(Kind.VENUE_ALARM))
    assert "order &lt;books&gt;, the venue&#x27;s books differ from ours: No LIVE openings" in text
    assert "(a &amp; b)" in text
    assert "unknown_order" not in text
    assert "unknown_order" in only(tell(Kind.UNKNOWN_ORDER))
    assert tell(Kind.VENUE_ALARM) == tell(Kind.UNKNOWN_ORDER) == []
    assert not VenueAlarm.objects.filter(told_at=None).exists()
    for kind in alarms.Kind:
        alarms.lift(kind, f"order <{kind}>")
    assert "alarms are over" in only(tell(Kind.VENUE_ALARM))
    assert "The fate of every order is known" in only(tell(Kind.UNKNOWN_ORDER))


def test_an_order_is_told_of_when_it_was_unknown_for_two_minutes() -> None:
    young = make_order(state="UNKNOWN", decided_at=ago(seconds=119))
    assert found(Kind.UNKNOWN_ORDER) is None
    old = make_order(state="UNKNOWN", decided_at=ago(seconds=121), market=young.market)
    assert said(Kind.UNKNOWN_ORDER) == f"order {old.pk}: DRY"


def test_broken_books_are_told_with_the_rule_and_the_row() -> None:
    row = InvariantBreach.objects.create(code="balance_is_the_ledgers", subject="trader 7 DRY", detail="1 and 2")
    text = only(tell(Kind.INVARIANT_BROKEN))
    assert "Every free balance is what the ledger says. (trader 7 DRY): 1 and 2" in text
    row.ended_at = clock.now()
    row.save()
    assert "The books agree again" in only(tell(Kind.INVARIANT_BROKEN))


# Load


def test_what_lies_too_long_is_named_with_its_age() -> None:
    make_message(created_at=ago(seconds=119))
    update = {"payload": {}, "trace_id": "1"}
    TelegramUpdate.objects.create(update_id=1, received_at=ago(seconds=29), **update)
    make_order(state="APPROVED", next_check_at=ago(seconds=29))
    assert found(Kind.QUEUE_AGE) is None
    make_message(created_at=ago(seconds=121))
    TelegramUpdate.objects.create(update_id=2, received_at=ago(seconds=31), **update)
    make_order(state="APPROVED", next_check_at=ago(seconds=31))
    for part in ("2 wait", "updates from Telegram", "messages to Telegram", "DRY orders"):
        assert part in said(Kind.QUEUE_AGE)
    trading_state.change(TradingState.HALTED, actor="a", reason="r")
    assert "orders" not in said(Kind.QUEUE_AGE)


def denied(count: int, *, code: str = "opens_per_minute", minutes: float = 1) -> None:
    trader = make_trader()
    for _ in range(count):
        make_order(trader=trader, state="DENIED", reason=code, decided_at=ago(minutes=minutes))


@pytest.mark.parametrize(("count", "is_abuse"), [(19, False), (20, True)])
def test_one_trader_who_is_denied_by_rate_limits_again_and_again_is_abuse(count: int, is_abuse: bool) -> None:
    denied(count)
    assert (found(Kind.RATE_LIMIT_ABUSE) is not None) == is_abuse


def test_a_chat_that_writes_more_than_its_limit_for_five_minutes_is_abuse(settings: Any) -> None:
    settings.TELEGRAM_MESSAGES_PER_MINUTE = 2
    rows = [
        TelegramUpdate(update_id=number, user_id=5, payload={}, trace_id="1", received_at=ago(minutes=4))
        for number in range(1, 12)
    ]
    TelegramUpdate.objects.bulk_create(rows[:10])
    assert found(Kind.RATE_LIMIT_ABUSE) is None
    TelegramUpdate.objects.bulk_create(rows[10:])
    assert said(Kind.RATE_LIMIT_ABUSE) == "Telegram user 5: 11 messages in five minutes"


def test_log_ins_that_are_locked_again_and_again_are_abuse() -> None:
    for number in range(load_watch.LOG_IN_LOCKS):
        assert found(Kind.RATE_LIMIT_ABUSE) is None
        audit.append(actor="log-in", action="log_in.lock", subject=f"name:{number}", after={"address": "10.0.0.9"})
    assert said(Kind.RATE_LIMIT_ABUSE) == "log-in: 3 locks in five minutes, from 10.0.0.9"


@pytest.mark.parametrize(
    ("recent", "hour_before", "is_spike"), [(20, 0, False), (21, 0, True), (24, 72, False), (25, 72, True)]
)
def test_denials_spike_above_twenty_and_four_times_the_hour_before(
    recent: int, hour_before: int, is_spike: bool
) -> None:
    denied(hour_before, minutes=30)
    denied(recent, code="account_risk")
    assert (found(Kind.DENIAL_SPIKE) is not None) == is_spike
    if is_spike:
        assert f"account_risk {recent}" in said(Kind.DENIAL_SPIKE)


# Checks


@dataclass
class Result:
    status: str = "ok"
    detail: str = "as it should be"
    is_critical: bool = False


def kinds_found(**checks: Result) -> dict[Kind, str]:
    """What is told of these results, all others being good."""
    results = {name: Result() for name in ("redis", "broker", "workers", "beat", "disk", "memory", "telegram")} | checks
    told_of = {}
    for condition in check_watch.conditions(results):
        try:
            finding = condition.look(clock.now())
        except CannotTell:
            continue
        if finding:
            told_of[condition.kind] = alerts.detail_of(finding)
    return told_of


FAILED = Result("failed", "away", is_critical=True)
DEGRADED = Result("degraded", "away")


@pytest.mark.parametrize(
    ("checks", "kinds"),
    [
        ({}, {}),
        ({"broker": FAILED}, {Kind.NOT_READY: "broker: away"}),
        ({"broker": Result("degraded", "updates 2000", is_critical=True)}, {Kind.DEGRADED: "broker: updates 2000"}),
        ({"workers": FAILED}, {Kind.WORKER_MISSING: "workers: away"}),
        ({"signing": DEGRADED}, {Kind.WORKER_MISSING: "signing: away"}),
        ({"beat": DEGRADED}, {Kind.BEAT_MISSING: "beat: away"}),
        ({"disk": DEGRADED}, {Kind.DISK_FULL: "disk: away"}),
        ({"memory": DEGRADED}, {Kind.MEMORY_SHORT: "memory: away"}),
        ({"telegram": DEGRADED}, {Kind.DEGRADED: "telegram: away"}),
        # Without Redis nobody knows of a heartbeat: that is one alert, and not four.
        (
            {"redis": FAILED, "workers": FAILED, "beat": DEGRADED, "blockchain": DEGRADED},
            {Kind.NOT_READY: "redis: away"},
        ),
    ],
)
def test_a_check_is_told_under_its_own_kind(checks: dict[str, Result], kinds: dict[Kind, str]) -> None:
    assert kinds_found(**checks) == kinds


def test_the_dispatcher_is_missing_when_its_heartbeat_is_old() -> None:
    assert said(Kind.DISPATCHER_MISSING) == "never seen"
    heartbeat.beat("dispatcher")
    assert found(Kind.DISPATCHER_MISSING) is None


@pytest.mark.usefixtures("redis_down")
def test_without_redis_nobody_knows_whether_the_dispatcher_lives() -> None:
    with pytest.raises(CannotTell):
        found(Kind.DISPATCHER_MISSING)


def test_all_of_it_is_looked_at_together_and_harmless_without_anything() -> None:
    heartbeat.beat("dispatcher")
    watch.look({})
    assert set(Alert.objects.values_list("kind", flat=True)) == set()


def test_a_stop_in_the_past_is_history() -> None:
    change(TradingState.HALTED)
    change(TradingState.ACTIVE)
    late = clock.now() + trading_watch.STILL_NEWS + dt.timedelta(minutes=1)
    assert trading_watch.stopped(late) is None


def test_however_much_is_wrong_the_message_is_one_that_telegram_takes() -> None:
    for number in range(30):
        alarms.raise_alarm(alarms.Kind.CHAIN, f"{number} {'s' * 90}", "<d>" * 100)
    text = only(tell(Kind.VENUE_ALARM))
    assert len(text.replace("&lt;", "<").replace("&gt;", ">")) < 4096
    assert "… and 24 more" in text
