"""The webhook: who may speak, what is taken, and that one update is stored once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from tests.trading.people import Person, next_update_id
from trading.models import Order, OutboxMessage, TelegramUpdate
from trading.telegram import updates
from vanta.tracing import TRACE_HEADER

URL = "/telegram/webhook/"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MIB = 1024 * 1024
Post = Callable[..., HttpResponse]

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(client: Client, settings: Settings) -> Post:
    """POST a body, or a value as JSON, with the right secret unless told otherwise."""

    def send(body: Any, *, secret: str | None = settings.TELEGRAM_WEBHOOK_SECRET) -> HttpResponse:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {HEADER: secret} if secret is not None else {}
        answer: Any = client.post(URL, content, content_type="application/json", headers=headers)
        assert answer[TRACE_HEADER]
        return answer  # type: ignore[no-any-return]

    return send


@pytest.mark.parametrize("secret", [None, "", "wrong", "é"])
def test_a_wrong_or_missing_secret_is_refused_and_nothing_is_stored(
    post: Post, ada: Person, secret: str | None
) -> None:
    assert post(ada.text_update("/help"), secret=secret).status_code == 403
    assert not TelegramUpdate.objects.exists()


def test_without_a_configured_secret_nobody_gets_in(post: Post, ada: Person, settings: Settings) -> None:
    settings.TELEGRAM_WEBHOOK_SECRET = ""
    assert post(ada.text_update("/help"), secret="").status_code == 403
    assert not TelegramUpdate.objects.exists()


def test_the_secret_is_asked_for_before_the_body_is_looked_at(post: Post) -> None:
    assert post(b"x" * (MIB + 1), secret="wrong").status_code == 403


def test_a_body_over_one_mebibyte_is_too_large(post: Post) -> None:
    assert post(b"x" * (MIB + 1)).status_code == 413


def test_a_body_of_just_under_one_mebibyte_is_taken(post: Post, ada: Person) -> None:
    update = ada.text_update("")
    update["message"]["text"] = "x" * (MIB - len(json.dumps(update)))
    assert post(update).status_code == 200


@pytest.mark.parametrize(
    "body", ["", "{", "not json", b"\xff\xfe", "[" * 200_000, '{"update_id": 1' + "0" * 5000 + "}"]
)
def test_a_body_that_is_not_json_is_refused(post: Post, body: str | bytes) -> None:
    assert post(body).status_code == 400
    assert not TelegramUpdate.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        7,
        None,
        {},
        {"update_id": "7"},
        {"update_id": None},
        {"update_id": True},
        {"update_id": 1.5},
        {"update_id": -1},
        {"update_id": 2**63},
        {"update_id": [1]},
    ],
    ids=str,
)
def test_json_that_is_not_an_update_is_refused(post: Post, body: Any) -> None:
    assert post(json.dumps(body)).status_code == 400
    assert not TelegramUpdate.objects.exists()


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"poll": {"id": "1"}},
        {"my_chat_member": {"chat": {"id": 5, "type": "private"}}},
        {"message": None},
        {"message": []},
        {"message": "text"},
        {"message": {"chat": 5, "from": "me", "text": "/help"}},
        {"message": {"chat": {"id": 5, "type": "private"}, "from": {"id": 5}, "photo": []}},
        {"message": {"chat": {"id": "5"}, "from": {"id": "5"}, "text": "/help"}},
        {"message": {"chat": {"id": 2**70}, "from": {"id": 2**70}, "text": "/help"}},
        {"message": {"chat": {"id": True}, "from": {"id": True}, "text": "/help"}},
        {"message": {"chat": {"id": 5}, "from": {"id": 5}, "text": ["/help"]}},
        {"edited_message": {"chat": {"id": 5}, "from": {"id": 5}, "text": "/long ETH 100 10x"}},
        {"callback_query": {"id": 5, "from": {"id": 5}}},
        {"callback_query": "confirm:1"},
    ],
    ids=str,
)
def test_an_unknown_shape_is_stored_answered_and_ignored(post: Post, shape: dict[str, Any]) -> None:
    update_id = next_update_id()
    assert post({"update_id": update_id, **shape}).status_code == 200
    updates.drain()
    assert TelegramUpdate.objects.get(pk=update_id).status == "ignored"
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize(
    "text",
    ["NUL \x00 inside", "\\u0000 typed", "a lone surrogate \ud800", "a pair \ud83d\ude00", "\x1b[31m", "\u202e/pleh"],
    ids=ascii,
)
def test_text_that_postgresql_cannot_keep_is_stored_without_what_it_cannot(post: Post, ada: Person, text: str) -> None:
    update = ada.text_update(text)
    assert post(json.dumps(update)).status_code == 200
    updates.drain()
    assert TelegramUpdate.objects.get(pk=update["update_id"]).status == "done"
    assert OutboxMessage.objects.filter(chat_id=ada.id).count() == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused_once_and_for_all(post: Post, number: str) -> None:
    assert post(f'{{"update_id": 7, "odd": {number}}}').status_code == 400


@pytest.mark.parametrize("depth", [100, 900])
def test_deep_nesting_is_stored_or_refused_but_never_asked_for_again(post: Post, depth: int) -> None:
    update_id = next_update_id()
    body = f'{{"update_id": {update_id}, "deep": {"[" * depth}{"]" * depth}}}'
    assert post(body).status_code in (200, 400)


def test_the_same_update_delivered_many_times_has_one_effect(post: Post, ada: Person) -> None:
    update = ada.text_update("/help")
    outcomes = []
    for _ in range(5):
        answer = post(update)
        outcomes.append((answer.status_code, answer.content))
        updates.drain()
    assert outcomes == [(200, b"stored"), *[(200, b"repeated")] * 4]
    assert OutboxMessage.objects.filter(chat_id=ada.id).count() == 1


def test_a_repeated_confirmation_places_one_order(post: Post, ada: Person, eth: None) -> None:
    order = ada.drafts("/long ETH 100 10x")
    tap = ada.tap_update(f"confirm:{order.pk}")
    for _ in range(3):
        post(tap)
        updates.drain()
    order.refresh_from_db()
    assert order.state == "APPROVED"
    assert Order.objects.count() == 1


def test_another_body_under_a_known_id_changes_nothing(post: Post, ada: Person) -> None:
    update = ada.text_update("/help")
    post(update)
    post({**ada.text_update("/balance"), "update_id": update["update_id"]})
    assert TelegramUpdate.objects.get(pk=update["update_id"]).payload["message"]["text"] == "/help"


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch"])
def test_only_posts_are_taken(client: Client, method: str) -> None:
    answer = getattr(client, method)(URL)
    assert answer.status_code == 405
    assert answer[TRACE_HEADER]


def test_the_trace_id_of_the_answer_is_kept_with_the_update_and_with_what_it_makes(
    post: Post, ada: Person, eth: None
) -> None:
    update = ada.text_update("/long ETH 100 10x sl=2900")
    trace_id = post(update)[TRACE_HEADER]
    updates.drain()
    assert TelegramUpdate.objects.get(pk=update["update_id"]).trace_id == trace_id
    (order,) = ada.orders
    assert order.trace_id == trace_id
    assert {row.trace_id for row in OutboxMessage.objects.all()} == {trace_id}
    assert set(order.events.values_list("trace_id", flat=True)) == {trace_id}


def test_without_postgresql_telegram_is_asked_to_come_again(
    post: Post, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("the connection is gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    assert post(ada.text_update("/help")).status_code == 503


def test_without_redis_the_update_is_stored_and_answered_quickly(
    post: Post, ada: Person, redis_down: None, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(2):
        assert post(ada.text_update("/help")).status_code == 200
    assert TelegramUpdate.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "is_urgent"),
    [("/close ETH", True), ("/CLOSE all", True), ("/cancel 4", True), ("/long ETH 100 10x", False), ("close", False)],
)
def test_closes_and_cancels_are_marked_urgent(post: Post, ada: Person, text: str, is_urgent: bool) -> None:
    post(ada.text_update(text))
    assert TelegramUpdate.objects.get().is_urgent is is_urgent


@pytest.mark.parametrize(("data", "is_urgent"), [("close:4:50:0", True), ("cancel:4", True), ("confirm:4", False)])
def test_taps_that_close_or_cancel_are_marked_urgent(post: Post, ada: Person, data: str, is_urgent: bool) -> None:
    post(ada.tap_update(data))
    assert TelegramUpdate.objects.get().is_urgent is is_urgent
