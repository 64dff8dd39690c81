"""The application's Redis: what is known of it, also while it is away."""

import pytest
from pytest_django import Settings

from vanta import redis
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db


def test_a_redis_that_runs_for_a_while_has_not_just_started() -> None:
    assert redis.has_just_started(within_s=10**9)
    assert not redis.has_just_started(within_s=0)


def test_a_redis_that_is_away_has_not_started(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/1"
    redis.client.cache_clear()
    try:
        assert not redis.has_just_started(within_s=10**9)
        assert not redis.is_reachable()
    finally:
        redis.client.cache_clear()
