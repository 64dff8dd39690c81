"""Wakes in a stream: the first goes at once, the rest together, and the last is never swallowed."""

import pytest
import redis as redis_client
from pytest_django import Settings

from tests.waiting import wait_until
from vanta import redis, wake
from vanta.wake import Burst

pytestmark = pytest.mark.django_db


def queued(settings: Settings) -> int:
    with redis_client.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        return int(broker.llen("updates"))


def test_a_single_wake_is_published_at_once(settings: Settings) -> None:
    assert Burst("updates").publish()
    assert queued(settings) == 1


def test_a_wake_right_after_another_comes_late_but_comes(settings: Settings) -> None:
    burst = Burst("updates")
    burst.publish()
    wake.begin("updates")  # a drain has begun to look: whatever commits from here on needs a wake of its own
    assert all(burst.publish() for _ in range(50))
    wait_until(lambda: queued(settings) == 2, 5, "the late wake is published")


def test_a_stream_publishes_one_wake_at_a_time(settings: Settings) -> None:
    burst = Burst("updates")
    for _ in range(50):
        burst.publish()
    wait_until(lambda: not burst._is_waiting, 5, "the late wake has been sent")
    assert queued(settings) == 1  # nobody has begun to look yet, so the first still stands


def test_without_a_broker_the_burst_says_so(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/1"
    redis.client.cache_clear()
    try:
        assert not Burst("updates").publish()
        assert not Burst("updates").publish()
    finally:
        redis.client.cache_clear()
        wake._paused_until["broker"] = 0.0
