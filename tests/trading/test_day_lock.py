"""Reaching the day's loss limit: no opening until 00:00 UTC, everybody concerned told once, closing as ever."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk.rules import day as rules
from tests.trading.bot_api import BotApi
from tests.trading.people import Person
from tests.trading.pipeline import close, open_position
from tests.trading.timeline import HOUR, MIDNIGHT, NOON, SECOND, Timeline, open_many, timeline
from trading import execution, guardian, risk_inputs, tasks
from trading.models import Account, DayOpening, Order, OutboxMessage, Position
from trading.schedule import BEAT_SCHEDULE
from trading.services import days
from trading.telegram import delivery, denial_words, risk_pages
from vanta.celery import app

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["timeline"]
SMALL = "/long ETH 50 10x"


@pytest.fixture(autouse=True)
def _one_position_may_lose_anything(settings: Settings) -> None:
    settings.MAX_ACCOUNT_RISK_PCT = D(1)
    settings.MAX_DAILY_LOSS_PCT = D("0.149")


def typed(person: Person, text: str = SMALL) -> Order:
    person.types(text)
    return person.orders[-1]


def codes(order: Order) -> list[str]:
    return [denial["code"] for denial in order.decision["denials"]]


def told() -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(method="day_locked").order_by("pk"))


def lose(timeline: Timeline, person: Person) -> None:
    """A position that may lose 1 490 of 10 000, the limit, at a price that has taken all of it; fees come on top."""
    timeline.at(NOON)
    open_many(person, "/long ETH 1490 5x")
    timeline.at(NOON + SECOND, "2395")


def test_the_watcher_locks_the_day_once_and_tells_trader_and_admins(
    timeline: Timeline, ada: Person, eth: Market, settings: Settings
) -> None:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [11, 12], [12]
    lose(timeline, ada)
    assert (days.lock_reached(), days.lock_reached()) == (1, 0)
    assert sorted(row.chat_id for row in told()) == [11, 12, ada.id]
    mine, *others = sorted(told(), key=lambda row: -row.chat_id)
    assert "Your loss today is <b>1,493.35</b>" in risk_pages.day_locked(mine.payload)["text"]
    assert "00:00 UTC" in risk_pages.day_locked(mine.payload)["text"]
    assert "Ada's loss today" in risk_pages.day_locked(others[0].payload)["text"]


def test_a_liquidation_that_reaches_the_limit_locks_though_nothing_is_open_any_more(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    timeline.at(NOON)
    open_many(ada, "/long ETH 1490 5x")
    timeline.at(NOON + SECOND, "2300")
    guardian.close_crossed()
    execution.drain()
    assert Position.objects.get().status == "liquidated"
    assert (days.lock_reached(), days.lock_reached()) == (1, 0)
    assert [row.chat_id for row in told()] == [ada.id]


def test_a_decision_that_finds_the_limit_reached_locks_the_day(timeline: Timeline, ada: Person, eth: Market) -> None:
    lose(timeline, ada)
    assert codes(typed(ada)) == ["daily_loss", "daily_loss_locked"]
    assert DayOpening.objects.get(trader=ada.trader).locked_at == NOON + SECOND
    assert [row.chat_id for row in told()] == [ada.id]
    typed(ada)
    assert len(told()) == 1


def test_a_confirmation_that_finds_the_limit_reached_locks_the_day(
    timeline: Timeline, ada: Person, eth: Market, settings: Settings
) -> None:
    timeline.at(NOON)
    open_many(ada, "/long ETH 500 10x")
    order = ada.drafts(SMALL)
    settings.MAX_DAILY_LOSS_PCT = D("0.0004")  # 4: less than the fees and the spread have taken
    ada.taps(f"confirm:{order.pk}")
    order.refresh_from_db()
    assert order.state == "DENIED"
    assert codes(order) == ["daily_loss", "daily_loss_locked"]
    assert DayOpening.objects.get(trader=ada.trader).locked_at is not None
    assert len(told()) == 1


def test_the_lock_stays_until_midnight_though_the_equity_recovers(timeline: Timeline, ada: Person, eth: Market) -> None:
    lose(timeline, ada)
    days.lock_reached()
    timeline.at(MIDNIGHT - SECOND, "3100")
    close(ada, Position.objects.get())
    execution.drain()
    order = typed(ada)
    assert codes(order) == ["daily_loss_locked"]
    assert "Opening opens again at 00:00 UTC. Closing works." in denial_words.denials(order.decision, order.reason)
    assert "daily_loss_locked: lost today against the limit" in ada.answer(f"/why {order.pk}")
    timeline.at(MIDNIGHT + SECOND, "3100")
    assert typed(ada).state == "DRAFT"


def test_closing_is_never_locked(timeline: Timeline, ada: Person, eth: Market) -> None:
    lose(timeline, ada)
    days.lock_reached()
    position = Position.objects.get()
    close(ada, position)
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"


def test_dry_and_live_have_days_of_their_own(timeline: Timeline, ada: Person, eth: Market) -> None:
    timeline.at(NOON)
    ada.types("/start")
    Account.objects.create(trader=ada.trader, mode="LIVE", free_balance_usd=D(100))
    lose(timeline, ada)
    days.lock_reached()
    locked = {each.mode: each.locked_at is not None for each in DayOpening.objects.filter(trader=ada.trader)}
    assert locked == {"DRY": True, "LIVE": False}
    live = risk_inputs.account_snapshot(risk_inputs.holdings(ada.trader, "LIVE"))
    assert rules.day_loss_usd(live) == 0
    assert not live.day.is_locked


def test_somebody_elses_loss_locks_nobody_else(timeline: Timeline, ada: Person, grace: Person, eth: Market) -> None:
    lose(timeline, ada)
    timeline.at(NOON)
    open_position(grace)
    days.lock_reached()
    assert typed(grace).state == "DRAFT"


def test_a_gain_is_no_loss_and_leaves_the_room_for_losses_as_it_was(
    timeline: Timeline, ada: Person, eth: Market
) -> None:
    timeline.at(NOON)
    open_position(ada, "/long ETH 500 10x sl=2900")
    timeline.at(NOON + HOUR, "3300")
    account = risk_inputs.account_snapshot(risk_inputs.holdings(ada.trader, "DRY"))
    assert rules.day_loss_usd(account) == 0
    at_stop = 500 * 10 * D(100) / 3000
    assert at_stop < rules.at_risk_usd(account) < at_stop + 15  # with its fees and slippage


def test_the_news_arrives_in_the_traders_chat(timeline: Timeline, ada: Person, eth: Market, api: BotApi) -> None:
    lose(timeline, ada)
    days.lock_reached()
    OutboxMessage.objects.exclude(method="day_locked").delete()
    delivery.drain()
    (text,) = api.texts(ada.id)
    assert text.startswith("🔒 Daily loss limit reached · DRY\n\nYour loss today is 1,493.35 USDC")
    assert "Opening works again from 00:00 UTC; closing works now." in text


@pytest.mark.parametrize("name", ["open-days", "watch-days"])
def test_beat_looks_after_the_days(name: str, timeline: Timeline, ada: Person) -> None:
    entry = BEAT_SCHEDULE[name]
    assert app.conf.beat_schedule[name] == entry
    assert entry["options"] == {"queue": "maintenance", "expires": entry["schedule"]}
    task = getattr(tasks, name.replace("-", "_"))
    assert task.name == entry["task"]
    task()
