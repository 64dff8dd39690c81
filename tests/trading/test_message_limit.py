"""Telegram's messages: so many a minute, one word about it, and never in the way of closing or stopping."""

import pytest
from pytest_django import Settings

from feeds.models import Market
from tests.trading.people import Person, store
from tests.trading.pipeline import open_position
from trading.models import Order, OutboxMessage, TelegramUpdate
from trading.telegram import message_limit, router, updates
from vanta import redis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Settings) -> None:
    settings.TELEGRAM_MESSAGES_PER_MINUTE = 3


def send(person: Person, *texts: str, urgent: bool = False) -> list[str]:
    """Texts that arrive together; the words of what is answered."""
    before = OutboxMessage.objects.filter(chat_id=person.id).count()
    for text in texts:
        TelegramUpdate.objects.filter(pk=store(person.text_update(text)).pk).update(is_urgent=urgent)
    updates.drain()
    rows = OutboxMessage.objects.filter(chat_id=person.id).order_by("pk")[before:]
    return [str(row.payload.get("text", "")) for row in rows]


def let_pass(person: Person, seconds: int) -> None:
    """Let what Redis holds of this person be older by that much."""
    key = f"{message_limit.KEY_PREFIX}{person.id}"
    for member, at_ms in redis.client().zrange(key, 0, -1, withscores=True):  # type: ignore[str-unpack]
        redis.client().zadd(key, {str(member): int(at_ms) - seconds * 1000})
    left_ms = int(redis.client().pttl(f"{key}:told")) - seconds * 1000
    redis.client().delete(f"{key}:told") if left_ms <= 0 else redis.client().pexpire(f"{key}:told", left_ms)


def test_the_limit_is_answered_one_more_is_told_to_slow_down_and_the_rest_is_silence(ada: Person) -> None:
    answers = send(ada, *["/help"] * 6)
    assert len(answers) == 4
    assert "Slow down, please: I read on in" in answers[3]
    assert "Closing, canceling and stopping always work." in answers[3]
    assert send(ada, "/help") == []
    assert TelegramUpdate.objects.filter(status="ignored").count() == 3


def test_the_wait_that_is_told_is_the_wait_that_there_is(ada: Person) -> None:
    send(ada, "/help", "/help", "/help")
    let_pass(ada, 50)
    assert "in 10 s." in send(ada, "/help")[0]
    let_pass(ada, 10)
    assert "Slow down" not in send(ada, "/help")[0]


def test_the_next_window_is_told_again(ada: Person) -> None:
    send(ada, *["/help"] * 5)
    let_pass(ada, 61)
    assert "Slow down" in send(ada, *["/help"] * 5)[3]


def test_each_user_has_a_limit_of_their_own(ada: Person, grace: Person) -> None:
    send(ada, *["/help"] * 5)
    assert "Slow down" not in send(grace, "/help")[0]


def test_closing_canceling_and_stopping_go_through_and_are_not_counted(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    send(ada, *["/help"] * 5)
    for _ in range(3):
        send(ada, "/close ETH 10%", urgent=True)
    assert Order.objects.filter(position=position, kind="close").count() == 3


def test_a_tap_over_the_limit_gets_a_toast_and_confirms_nothing(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    send(ada, "/help", "/help")
    for _ in range(2):
        store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    toasts = OutboxMessage.objects.filter(chat_id=ada.id, method="answerCallbackQuery")
    assert ["Slow down" in row.payload["text"] for row in toasts] == [True]
    assert Order.objects.get(pk=order.pk).state == "DRAFT"


def test_updates_that_are_handled_again_count_once_and_are_told_again(ada: Person) -> None:
    batch = [store(ada.text_update("/help")) for _ in range(4)]
    assert router.handle_all(batch) == router.handle_all(batch) == ["help"] * 3 + ["slow_down"]


def test_without_redis_everything_is_handled(ada: Person, redis_down: None) -> None:
    assert len(send(ada, *["/help"] * 6)) == 6
