"""Admins are told of markets without a price: once when it has lasted, once when it is over."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from adminpanel import loss_alerts
from feeds import marks
from feeds.models import ConsensusLoss, Market
from feeds.quote_store import write_quotes
from tests.adminpanel.alerting import at_once, in_thread, only, told
from tests.factories import make_market
from tests.feeds.quotes import quote
from tests.waiting import wait_until
from trading import outbox
from vanta import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("admins")]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations are exact: no time passes."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)


def lose(symbol: str = "ETH/USD", *, ago_s: int = 15, lasted_s: int | None = None, **terms: Any) -> ConsensusLoss:
    make_market(symbol)
    began_at = clock.now() - dt.timedelta(seconds=ago_s)
    ended_at = None if lasted_s is None else began_at + dt.timedelta(seconds=lasted_s)
    known = {"reason": "no_fresh_quote", "began_at": began_at, "ended_at": ended_at, **terms}
    return ConsensusLoss.objects.create(price_symbol=symbol, **known)


def end(loss: ConsensusLoss) -> None:
    ConsensusLoss.objects.filter(pk=loss.pk).update(ended_at=clock.now())


def test_a_loss_that_lasts_is_told_once_with_what_it_means_and_where_to_look() -> None:
    loss = lose()
    assert loss_alerts.tell_losses() == 2
    assert loss_alerts.tell_losses() == 0
    text = only(told())
    for part in (
        "1 market has no price that can be trusted</b>, for 15.0 s",
        "ETH/USD",
        "Why: every price that came is too old\n",
        "Openings there are denied; closings work.",
        "Look: /feeds or https://vanta.example/admin/feeds/live/",
    ):
        assert part in text
    loss.refresh_from_db()
    assert loss.told_loss_at is not None
    assert loss.told_end_at is None


def test_its_end_is_told_once() -> None:
    loss = lose(ago_s=200)
    loss_alerts.tell_losses()
    end(loss)
    told()
    assert loss_alerts.tell_losses() == 2
    assert loss_alerts.tell_losses() == 0
    assert "1 market has a price again</b>, after 3 min\nETH/USD" in only(told())
    loss.refresh_from_db()
    assert loss.told_end_at is not None


@pytest.mark.parametrize(
    ("ago_s", "lasted_s", "is_told"),
    [
        (9, None, False),  # may heal by itself
        (11, None, True),
        (86_400, None, True),
        (600, 12, True),  # nobody could tell while it lasted
        (7200, 12, False),  # history
        (7200, 3700, True),  # over for less than an hour
    ],
)
def test_what_is_told_lasted_and_is_news(ago_s: int, lasted_s: int | None, is_told: bool) -> None:
    lose(ago_s=ago_s, lasted_s=lasted_s)
    assert bool(loss_alerts.tell_losses()) is is_told


def test_many_markets_are_one_message() -> None:
    for number in range(30):
        lose(f"COIN{number:02}/USD", ago_s=20 + number, reason="vetoed" if number % 3 == 0 else "no_quotes")
    lose("DONE/USD", ago_s=60, lasted_s=20)
    loss_alerts.tell_losses()
    text = only(told())
    assert "30 markets have no price that can be trusted</b>, for 49.0 s at the longest" in text
    assert "COIN00/USD, COIN01/USD" in text
    assert "and 24 more" in text
    assert "Why: no source has sent a price (20); an independent source contradicts the price (10)" in text
    assert "1 market had no price that can be trusted</b>, for 20.0 s\nDONE/USD\nIt is over" in text


def test_a_market_that_has_closed_meanwhile_did_not_regain_its_price() -> None:
    make_market("EUR/USD", group_index=2, is_open=False)
    for loss in (lose("EUR/USD"), lose("GONE/USD"), lose("ETH/USD")):
        ConsensusLoss.objects.filter(pk=loss.pk).update(told_loss_at=clock.now())
        end(loss)
    Market.objects.filter(symbol="GONE/USD").update(is_listed=False)
    loss_alerts.tell_losses()
    text = only(told())
    assert "1 market has a price again</b>" in text
    assert "2 markets have closed</b> without a price\nEUR/USD, GONE/USD" in text


def test_a_second_loss_of_a_market_is_told_as_well() -> None:
    first = lose()
    loss_alerts.tell_losses()
    end(first)
    loss_alerts.tell_losses()
    lose()
    loss_alerts.tell_losses()
    assert ["no price" in text for text in told()] == [True, False, True]


def test_without_admins_nothing_is_told_until_there_is_one(settings: Settings) -> None:
    lose()
    admins, settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = settings.ADMIN_USER_IDS, [], []
    assert loss_alerts.tell_losses() == 0
    settings.ADMIN_USER_IDS = admins
    assert loss_alerts.tell_losses() == 2


def test_what_could_not_be_owed_is_told_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lose()
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "owe", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loss_alerts.tell_losses()
    assert told() == []
    assert loss_alerts.tell_losses() == 2


def test_two_at_once_tell_every_loss_once() -> None:
    symbols = [f"COIN{number:02}/USD" for number in range(6)]
    for symbol in symbols:
        lose(symbol)
    at_once(*[loss_alerts.tell_losses] * 4)
    texts = told()
    assert sorted(symbol for symbol in symbols for text in texts if symbol in text) == symbols


def test_what_was_over_before_it_was_told_is_told_once() -> None:
    lose(ago_s=600, lasted_s=12)
    assert [loss_alerts.tell_losses(), loss_alerts.tell_losses()] == [2, 0]


def test_what_one_is_telling_another_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    lose()
    with somebody_telling(monkeypatch):
        assert loss_alerts.tell_losses() == 0  # neither waits nor tells
    assert len(told()) == 1


def test_a_mirror_that_ends_a_loss_while_it_is_told_leaves_an_end_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The teller's clock is ahead: to the mirror the loss is too short to be kept, but it waits for the teller."""
    lose(ago_s=5)
    monkeypatch.setattr(loss_alerts, "LASTING", dt.timedelta(seconds=4))
    write_quotes([replace(quote(), timestamp_ms=clock.now_ms(), received_at_ms=clock.now_ms())])
    with somebody_telling(monkeypatch):
        mirror = in_thread(lambda: marks.mirror_marks(["ETH/USD"]))
        wait_until(somebody_waits_for_a_lock, 10, "the mirror waits for the teller")
    mirror.join(10)
    marks.mirror_marks(["ETH/USD"])
    assert ConsensusLoss.objects.get().ended_at is not None
    loss_alerts.tell_losses()
    assert ["has no price" in text for text in told()] == [True, False]


@contextmanager
def somebody_telling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, another is in the middle of telling the losses; it has finished when the block is left."""
    begun, go_on, owe = threading.Event(), threading.Event(), outbox.owe

    def slowly(*arguments: Any) -> None:
        begun.set()
        assert go_on.wait(10)
        owe(*arguments)

    monkeypatch.setattr(outbox, "owe", slowly)
    teller = in_thread(loss_alerts.tell_losses)
    try:
        assert begun.wait(10)
        yield
    finally:
        go_on.set()
        teller.join(10)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None
