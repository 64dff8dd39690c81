"""Admins are told of a price stream that is down: once when it has lasted, once when it flows again."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import time_machine
from celery import Task

from adminpanel import alerts, tasks
from adminpanel.models import Alert
from adminpanel.schedule import BEAT_SCHEDULE
from adminpanel.stream_watch import STREAM
from feeds.models import Market
from feeds.stream_status import KEY, StreamStatus, record_stream
from tests.adminpanel.alerting import at_once, only, told
from tests.factories import make_market
from vanta import clock, redis
from vanta.celery import app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("admins")]


@pytest.fixture(autouse=True)
def _market() -> None:
    make_market("ETH/USD", lazer_feed_id=2)


def stream(age_s: float, **changes: Any) -> None:
    last_price_ms = clock.now_ms() - round(age_s * 1000)
    known = {"state": "restarting", "last_error": "silent", "failures": 3, "last_price_ms": last_price_ms, **changes}
    record_stream(StreamStatus("here:1", since_ms=1, **known))


@pytest.fixture
def at() -> Iterator[Any]:
    """`at(seconds)`: the time is so long after the test's beginning, and stands still."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        begin = clock.now()
        yield lambda seconds: traveller.move_to(begin + dt.timedelta(seconds=seconds))


def test_a_stream_that_is_down_for_half_a_minute_is_told_once_and_so_is_its_return(at: Any) -> None:
    for second in range(0, 60, 5):
        at(second)
        stream(6 + second, failures=second)
        alerts.tell(STREAM)
    text = only(told())
    assert "The price stream does not flow</b>, for 3" in text
    assert "silent" in text
    assert "Prices are polled each second instead" in text
    assert "Look: /feeds" in text
    at(185)
    stream(0)
    alerts.tell(STREAM)
    alerts.tell(STREAM)
    assert "The price stream flows again</b>, after 3 min" in only(told())
    alert = Alert.objects.get()
    assert None not in (alert.told_begin_at, alert.told_end_at, alert.ended_at)


def test_a_short_silence_is_told_to_nobody_and_forgotten(at: Any) -> None:
    stream(6)
    alerts.tell(STREAM)
    at(20)
    alerts.tell(STREAM)
    assert Alert.objects.count() == 1
    stream(0)
    alerts.tell(STREAM)
    assert not Alert.objects.exists()
    assert told() == []


def test_without_a_streamer_it_is_down_as_well(at: Any) -> None:
    alerts.tell(STREAM)
    at(29)
    assert alerts.tell(STREAM) == 0
    at(30)
    assert alerts.tell(STREAM) == 2
    assert "Why: no streamer runs" in only(told())


def test_it_is_told_on_although_the_streamer_forgot_since_when(at: Any) -> None:
    stream(6)
    alerts.tell(STREAM)
    at(30)
    redis.client().delete(KEY)  # a restarted Redis
    assert alerts.tell(STREAM) == 2


def test_a_stream_that_nobody_needed_has_not_been_down_for_all_that_time(at: Any) -> None:
    stream(86_400)
    assert alerts.tell(STREAM) == 0
    at(30)
    stream(86_430)
    alerts.tell(STREAM)
    assert "for 40.0 s" in only(told())


def test_where_nothing_is_to_be_streamed_nothing_is_missing(at: Any) -> None:
    Market.objects.update(is_listed=False)
    for second in (0, 60):
        at(second)
        assert alerts.tell(STREAM) == 0
    assert not Alert.objects.exists()


@pytest.mark.usefixtures("redis_down")
def test_while_redis_is_down_the_stream_counts_as_down(at: Any) -> None:
    for second in (0, 30):
        at(second)
        alerts.tell(STREAM)
    assert "Why: Redis does not answer" in only(told())


def test_two_at_once_tell_of_the_stream_once(at: Any) -> None:
    stream(60)
    at_once(*[partial(alerts.tell, STREAM)] * 4)
    at(60)
    at_once(*[partial(alerts.tell, STREAM)] * 4)
    assert len(told()) == 1
    stream(0)
    at_once(*[partial(alerts.tell, STREAM)] * 4)
    assert len(told()) == 1
    assert Alert.objects.count() == 1


def test_what_streams_say_is_shown_as_it_is(at: Any) -> None:
    for second in (0, 60):
        at(second)
        stream(60 + second, last_error="<b>&" * 200)
        alerts.tell(STREAM)
    assert "&lt;b&gt;&amp;" in only(told())


@pytest.mark.parametrize("name", sorted(BEAT_SCHEDULE))
def test_beat_wakes_each_and_its_ticks_do_not_pile_up(name: str) -> None:
    entry: dict[str, Any] = BEAT_SCHEDULE[name]
    assert entry["task"] in {task.name for task in vars(tasks).values() if isinstance(task, Task)}
    assert entry["options"] == {"queue": "maintenance", "expires": entry["schedule"]}
    assert app.conf.beat_schedule[name] == entry


def test_the_task_looks_at_it() -> None:
    tasks.tell_admins()
    assert Alert.objects.filter(kind=Alert.Kind.PRICE_STREAM).exists()
