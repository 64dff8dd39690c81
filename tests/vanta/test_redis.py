"""The application's Redis: what is known of it, also while it is away."""

import pytest

from vanta import redis

pytestmark = pytest.mark.django_db


def test_a_redis_that_runs_for_a_while_has_not_just_started() -> None:
    assert redis.has_just_started(within_s=10**9)
    assert not redis.has_just_started(within_s=0)


@pytest.mark.usefixtures("redis_down")
def test_a_redis_that_is_away_has_not_started() -> None:
    assert not redis.has_just_started(within_s=10**9)
    assert not redis.is_reachable()
