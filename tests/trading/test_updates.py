"""The inbox: each update handled once, a chat's in order, a broken one stopping only itself."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from feeds.models import Market
from tests.trading.people import Person, store
from trading import outbox
from trading.models import OutboxMessage, TelegramUpdate
from trading.telegram import commands, updates
from trading.telegram.context import Context
from vanta import redis

pytestmark = pytest.mark.django_db
Handler = Callable[[Context, tuple[str, ...]], None]


def answers(person: Person) -> list[str]:
    rows = OutboxMessage.objects.filter(chat_id=person.id).order_by("pk")
    return [row.payload["text"] for row in rows]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that repeats its words."""

    def repeat(context: Context, words: tuple[str, ...]) -> None:
        context.reply_text(" ".join(words))

    monkeypatch.setitem(commands.HANDLERS, "say", repeat)


def break_on(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A command that writes something and then breaks."""

    def broken(context: Context, _words: tuple[str, ...]) -> None:
        outbox.owe(context.chat_id, "sendMessage", {"text": "half done"})
        raise error

    monkeypatch.setitem(commands.HANDLERS, "break", broken)


def test_updates_of_a_chat_are_handled_in_the_order_of_their_ids(ada: Person, say: None) -> None:
    made = [ada.text_update(f"/say {number}") for number in range(30)]
    for update in reversed(made):
        store(update)
    assert updates.drain() == 30
    assert answers(ada) == [str(number) for number in range(30)]


def test_a_handled_update_is_never_handled_again(ada: Person, say: None) -> None:
    store(ada.text_update("/say once"))
    assert updates.drain() == 1
    assert updates.drain() == 0
    assert answers(ada) == ["once"]


def test_an_update_that_breaks_is_kept_told_and_undone_and_the_chat_goes_on(
    ada: Person, grace: Person, say: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_on(monkeypatch, ZeroDivisionError("a defect"))
    for text in ("/say before", "/break", "/say after"):
        store(ada.text_update(text))
    store(grace.text_update("/say elsewhere"))
    updates.drain()
    before, sorry, after = answers(ada)
    assert (before, after) == ("before", "after")
    assert "nothing was changed" in sorry
    assert answers(grace) == ["elsewhere"]
    failed = TelegramUpdate.objects.get(status="failed")
    assert failed.trace_id in sorry
    assert failed.error == "ZeroDivisionError: a defect"
    assert failed.handled_at is not None


def test_when_the_database_goes_away_the_updates_stay_as_they_were(
    ada: Person, say: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_on(monkeypatch, OperationalError("the server closed the connection"))
    store(ada.text_update("/say before"))
    store(ada.text_update("/break"))
    with pytest.raises(OperationalError):
        updates.drain()
    assert set(TelegramUpdate.objects.values_list("status", flat=True)) == {"new"}
    assert not answers(ada)


def test_urgent_updates_can_be_handled_alone(ada: Person, eth: Market) -> None:
    waiting, urgent = store(ada.text_update("/help")), store(ada.text_update("/close ETH"))
    TelegramUpdate.objects.filter(pk=urgent.pk).update(is_urgent=True)
    assert updates.drain(urgent_only=True) == 1
    waiting.refresh_from_db()
    assert waiting.status == "new"
    assert "no open position" in answers(ada)[0]


def test_a_confirmation_waits_for_redis_and_nothing_is_lost(
    ada: Person, grace: Person, eth: Market, request: pytest.FixtureRequest, settings: object
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    alive = redis.client()
    request.getfixturevalue("redis_down")
    tap = store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    tap.refresh_from_db()
    order.refresh_from_db()
    assert (tap.status, order.state) == ("new", "DRAFT")
    assert alive.ping()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "client", lambda: alive)
        updates.drain()
    tap.refresh_from_db()
    order.refresh_from_db()
    assert (tap.status, order.state) == ("done", "APPROVED")


@pytest.mark.django_db(transaction=True)
def test_many_drains_at_once_handle_everything_once_and_every_chat_in_order(say: None) -> None:
    people = [Person() for _ in range(6)]
    for number in range(15):
        for person in people:
            store(person.text_update(f"/say {number}"))

    def drain() -> None:
        try:
            updates.drain()
        finally:
            connection.close()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    updates.drain()  # a drain leaves a chat that another one was at work for; its wake comes again
    for person in people:
        assert answers(person) == [str(number) for number in range(15)]
