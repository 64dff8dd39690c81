"""What a confirmation without a price holds up: nothing but its own chat, and not what closes there."""

import datetime as dt
from types import SimpleNamespace

import pytest
from celery.worker import state
from kombu import Connection

from feeds.models import Market
from tests.factories import make_position
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, store
from trading import tasks
from trading.models import Order, TelegramUpdate
from trading.telegram import updates
from vanta import clock, redis
from vanta.celery import ReleaseStuckMessages

pytestmark = pytest.mark.django_db


def handled(update: TelegramUpdate) -> bool:
    update.refresh_from_db()
    return update.status == TelegramUpdate.Status.DONE


def test_a_confirmation_whose_quotes_are_gone_waits_and_holds_up_only_its_own_chat(
    ada: Person, grace: Person, eth: Market, price: SetPrice
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    position = make_position(trader=ada.trader, market=eth)
    redis.client().flushdb()
    confirmed = store(ada.tap_update(f"confirm:{order.pk}"))
    asked, closed = store(ada.text_update("/help")), store(ada.tap_update(f"close:{position.pk}:50:0"))
    TelegramUpdate.objects.filter(pk=closed.pk).update(is_urgent=True)
    others = store(grace.text_update("/help"))

    updates.drain()
    assert [handled(each) for each in (confirmed, asked, closed, others)] == [False, False, True, True]

    price("ETH/USD", "3000")
    updates.drain()
    assert handled(confirmed)
    assert handled(asked)
    assert Order.objects.get(pk=order.pk).state == "APPROVED"


@pytest.mark.parametrize(("delay_s", "state_after"), [(0, "DENIED"), (3, "DRAFT")])
def test_only_a_confirmation_that_was_itself_delayed_waits_for_a_stale_price(
    ada: Person, eth: Market, price: SetPrice, delay_s: int, state_after: str
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3000", age_ms=6_000)
    update = store(ada.tap_update(f"confirm:{order.pk}"))
    came_at = clock.now() - dt.timedelta(seconds=delay_s)
    TelegramUpdate.objects.filter(pk=update.pk).update(received_at=came_at)

    updates.drain()
    assert Order.objects.get(pk=order.pk).state == state_after


def test_a_confirmation_waits_where_redis_has_just_been_restarted_with_old_quotes(
    ada: Person, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3000", age_ms=6_000)
    monkeypatch.setattr(redis, "has_just_started", lambda within_s: within_s > 3)
    update = store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    assert (Order.objects.get(pk=order.pk).state, handled(update)) == ("DRAFT", False)
    price("ETH/USD", "3000")
    updates.drain()
    assert Order.objects.get(pk=order.pk).state == "APPROVED"


def test_a_turn_ends_although_more_updates_wait_and_the_rest_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "TURN_S", -1)
    for _ in range(updates.BATCH + 5):
        store(Person().text_update("/help"))

    tasks.drain_updates()
    assert TelegramUpdate.objects.filter(status="new").count() == 5
    assert redis.client().exists("wake:updates")


def test_a_consumer_that_waits_for_acknowledgements_nobody_will_send_is_reconnected() -> None:
    with Connection("memory://") as connection:
        channel = connection.channel()
        consumer = SimpleNamespace(task_consumer=SimpleNamespace(channel=channel))
        watch = ReleaseStuckMessages(consumer)
        assert not state.reserved_requests
        watch.check(consumer)
        channel.qos._delivered["a tag"] = "a message"
        watch.check(consumer)  # perhaps it is being handled this very moment
        with pytest.raises(ConnectionResetError):
            watch.check(consumer)
        channel.qos._delivered.clear()
