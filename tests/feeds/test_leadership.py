"""One of several replicas leads; another takes over when its lease has ended or was given up."""

from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError

from feeds.leadership import Leadership
from vanta import clock, redis

pytestmark = pytest.mark.django_db  # for an empty Redis
KEY = "leader:test"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Moves this process's own clock, and lets what Redis holds run out as it would by then."""
    moved = [0]
    real = clock.monotonic

    def move(seconds: int) -> None:
        moved[0] += seconds
        left_ms = int(redis.client().pttl(KEY))
        if left_ms > seconds * 1000:
            redis.client().pexpire(KEY, left_ms - seconds * 1000)
        else:
            redis.client().delete(KEY)

    monkeypatch.setattr(clock, "monotonic", lambda: real() + moved[0])
    return move


def claims() -> tuple[Leadership, Leadership]:
    return Leadership("test", lease_s=6), Leadership("test", lease_s=6)


def test_one_leads_and_the_other_waits() -> None:
    one, other = claims()
    assert (one.take_or_renew(), other.take_or_renew(), one.take_or_renew()) == (True, False, True)
    assert (one.is_held, other.is_held) == (True, False)


def test_a_renewed_lease_lasts(later: Callable[[int], None]) -> None:
    one, other = claims()
    for _ in range(5):
        assert one.take_or_renew()
        later(4)
    assert not other.take_or_renew()


def test_another_takes_over_when_the_lease_has_ended(later: Callable[[int], None]) -> None:
    one, other = claims()
    one.take_or_renew()
    later(7)
    assert other.take_or_renew()
    assert not one.is_held
    assert not one.take_or_renew()


def test_a_lease_that_was_given_up_is_free_at_once() -> None:
    one, other = claims()
    one.take_or_renew()
    one.give_up()
    assert other.take_or_renew()
    one.give_up()  # again, and not its own any more: nothing happens
    assert other.take_or_renew()


def test_a_redis_that_has_forgotten_is_told_again() -> None:
    one, _ = claims()
    one.take_or_renew()
    redis.client().flushdb()
    assert one.take_or_renew()


def test_without_redis_who_leads_goes_on_until_the_lease_ends_and_nobody_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = claims()
    one.take_or_renew()

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(redis.client().connection_pool, "get_connection", unreachable)
    assert (one.take_or_renew(), other.take_or_renew()) == (True, False)
    real = clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: real() + 7)
    assert not one.take_or_renew()
    monkeypatch.undo()
    assert one.take_or_renew()
