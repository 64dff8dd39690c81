"""Sending the outbox: each chat's rows in order, many chats at once, every failure either retried or kept as dead.

Telegram has no idempotency for sending: a process killed between the call and its commit sends that message again, and
none is lost. Telegram down: rows wait, trading goes on.
"""

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from telegram import Bot, BotCommand, InlineKeyboardMarkup, InputMediaPhoto, Message
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from risk import trading_state
from trading import outbox
from trading.models import Order, OutboxMessage, Panic, Trader
from trading.outbox import (
    BUFFER_ALERT,
    CHART,
    CLOSING_STUCK,
    CONNECT_LINK,
    DAY_LOCKED,
    DELEGATE_NEWS,
    MAINTENANCE_NEWS,
    ORDER_CARD,
    PANIC_CARD,
)
from trading.telegram import (
    buffer_cards,
    cards,
    chart_cards,
    messages,
    panic_cards,
    resting_cards,
    risk_pages,
    stopping_words,
    wallet_pages,
)
from trading.telegram.client import bot_loop
from vanta import clock, metrics, tracing

log = structlog.get_logger(__name__)
BATCH = 20
LEASE = dt.timedelta(seconds=30)
MAX_BACKOFF_S = 60
TAP_VALID = dt.timedelta(seconds=15)  # Telegram refuses to answer an older tap
_TAKE = """
    SELECT m.id FROM trading_outboxmessage m
    WHERE m.status = 'pending' AND m.next_attempt_at <= %s
      AND NOT EXISTS (SELECT 1 FROM trading_outboxmessage e
                      WHERE e.status = 'pending' AND e.chat_id = m.chat_id AND e.id < m.id)
    ORDER BY m.id LIMIT %s FOR UPDATE SKIP LOCKED
"""
NOT_ABOUT_A_CHAT = frozenset({"answerCallbackQuery", "setMyCommands"})
FRESH = {"editMessageText": "sendMessage", "editMessageMedia": "sendPhoto"}  # what a message is replaced by
WRITTEN_WHEN_SENT: dict[str, Callable[[Mapping[str, Any]], cards.Payload]] = {
    BUFFER_ALERT: buffer_cards.alert,
    CLOSING_STUCK: risk_pages.closing_stuck,
    DAY_LOCKED: risk_pages.day_locked,
    CONNECT_LINK: wallet_pages.connect_link,
    DELEGATE_NEWS: wallet_pages.news,
    MAINTENANCE_NEWS: stopping_words.maintenance,
}
Call = tuple[str, dict[str, Any]]
UNRENDERABLE = "unrenderable"


@dataclass(frozen=True, slots=True)
class Result:
    """How a call went: sent, to be retried after some seconds, or never to be tried again."""

    status: str
    message_id: int | None = None
    retry_after_s: float = 0
    error: str = ""


def drain(may_go_on: Callable[[], bool] = lambda: True) -> int:
    """Send what is due, as long as `may_go_on`; harmless to call at any time, from any number of processes."""
    count = 0
    while may_go_on() and (rows := _take()):
        banners = _banners(rows)
        calls = [_rendered(row, banners[row.chat_id]) for row in rows]
        results = bot_loop().run(_send_all(bot_loop().bot, calls))
        _store(rows, results)
        _remember_cards(rows, calls, results)
        count += len(rows)
    return count


@transaction.atomic
def _take() -> list[OutboxMessage]:
    """The first due row of each chat, leased to this process."""
    ids = [row.pk for row in OutboxMessage.objects.raw(_TAKE, [clock.now(), BATCH])]
    if not ids:
        return []
    rows = list(
        OutboxMessage.objects.filter(pk__in=ids)
        .select_related("order__market", "order__position", "order__trader")
        .order_by("pk")
    )
    OutboxMessage.objects.filter(pk__in=ids).update(next_attempt_at=clock.now() + LEASE)
    return rows


def _banners(rows: Sequence[OutboxMessage]) -> dict[int, str]:
    """What stands above the messages of each chat."""
    chats, state = {row.chat_id for row in rows}, trading_state.current()
    stopped = set(Trader.objects.filter(chat_id__in=chats, panic__isnull=False).values_list("chat_id", flat=True))
    return {chat_id: messages.banner(state, has_panicked=chat_id in stopped) for chat_id in chats}


def _rendered(row: OutboxMessage, banner: str) -> Call:
    try:
        return _call(row, banner)
    except Exception:
        log.exception("message_unrenderable", outbox_id=row.pk)  # a defect of ours: only this row is dead
        return UNRENDERABLE, {}


def _call(row: OutboxMessage, banner: str) -> Call:
    """The Bot API call that a row stands for now."""
    if row.method == CHART:
        return chart_cards.call(row.chat_id, row.payload, banner)
    if row.method == PANIC_CARD:
        return panic_cards.call(row.chat_id, row.payload)
    if row.method in WRITTEN_WHEN_SENT:
        written = cards.with_banner(WRITTEN_WHEN_SENT[row.method](row.payload), banner)
        return "sendMessage", {"chat_id": row.chat_id, **written}
    if row.method != ORDER_CARD or row.order is None:
        return row.method, {"chat_id": row.chat_id, **row.payload}
    shown = resting_cards.over(row.order) if outbox.OVER in row.payload else cards.order_card(row.order)
    card = cards.with_banner(shown, banner)
    if row.order.card_message_id is None or outbox.NEWS in row.payload:
        return "sendMessage", {"chat_id": row.chat_id, **card}
    return "editMessageText", {"chat_id": row.chat_id, "message_id": row.order.card_message_id, **card}


async def _send_all(bot: Bot, calls: Sequence[Call]) -> list[Result]:
    return list(await asyncio.gather(*(_send(bot, *call) for call in calls)))


async def _send(bot: Bot, method: str, arguments: dict[str, Any]) -> Result:
    if method == UNRENDERABLE:
        return Result("dead", error=UNRENDERABLE)
    try:
        answer = await _bot_method(bot, method)(**_typed(method, arguments, bot))
    except RetryAfter as error:
        seconds = (
            error.retry_after.total_seconds() if isinstance(error.retry_after, dt.timedelta) else error.retry_after
        )
        return Result("retry", retry_after_s=seconds, error="429")
    except Forbidden as error:
        return Result("dead", error=str(error))
    except BadRequest as error:
        return await _after_bad_request(bot, method, arguments, error)
    except NetworkError as error:
        return Result("retry", error=type(error).__name__)
    except TelegramError as error:
        return Result("retry", error=f"{type(error).__name__}: {error}"[:200])
    except Exception as error:
        # A defect of ours in one row must not hold up the other chats, nor send their messages again.
        log.exception("message_broken", method=method)
        return Result("dead", error=f"{type(error).__name__}: {error}"[:200])
    return Result("sent", message_id=answer.message_id if isinstance(answer, Message) else None)


async def _after_bad_request(bot: Bot, method: str, arguments: dict[str, Any], error: BadRequest) -> Result:
    """An edit that changes nothing is done; one whose message is gone becomes a new message; the rest is dead."""
    words = str(error).lower()
    if "not modified" in words:
        return Result("sent")
    if method in FRESH and ("not found" in words or "can't be edited" in words):
        fresh = {name: value for name, value in arguments.items() if name != "message_id"}
        return await _send(bot, FRESH[method], fresh)
    return Result("dead", error=str(error)[:200])


def _bot_method(bot: Bot, method: str) -> Callable[..., Awaitable[Any]]:
    methods: dict[str, Callable[..., Awaitable[Any]]] = {
        "sendMessage": bot.send_message,
        "editMessageText": bot.edit_message_text,
        "sendPhoto": bot.send_photo,
        "editMessageMedia": bot.edit_message_media,
        "answerCallbackQuery": bot.answer_callback_query,
        "setMyCommands": bot.set_my_commands,
    }
    return methods[method]


def _typed(method: str, arguments: dict[str, Any], bot: Bot) -> dict[str, Any]:
    typed = dict(arguments)
    if method in NOT_ABOUT_A_CHAT:
        typed.pop("chat_id", None)
    if "commands" in typed:
        typed["commands"] = [BotCommand(**command) for command in typed["commands"]]
    if "reply_markup" in typed:
        typed["reply_markup"] = InlineKeyboardMarkup.de_json(typed["reply_markup"], bot)
    if method == "editMessageMedia":
        typed["media"] = InputMediaPhoto(
            media=typed.pop("photo"), caption=typed.pop("caption"), parse_mode=typed.pop("parse_mode")
        )
    return typed


@transaction.atomic
def _store(rows: Sequence[OutboxMessage], results: Sequence[Result]) -> None:
    now = clock.now()
    for row, result in zip(rows, results, strict=True):
        row.attempts += 1
        row.last_error = result.error
        row.telegram_message_id = result.message_id
        if result.status == "sent":
            row.status, row.sent_at = OutboxMessage.Status.SENT, now
            metrics.notify_seconds.observe((now - row.created_at).total_seconds())
        elif result.status == "dead" or _is_late_answer(row, now):
            row.status = OutboxMessage.Status.DEAD
            _tell_undrawn(row)
        else:
            row.next_attempt_at = now + _backoff(row.attempts, result.retry_after_s)
        _log(row, result)
    OutboxMessage.objects.bulk_update(
        rows, ["attempts", "last_error", "telegram_message_id", "status", "sent_at", "next_attempt_at"]
    )


def _tell_undrawn(row: OutboxMessage) -> None:
    """A chart that is given up leaves whoever asked for it without any answer otherwise."""
    if row.method == CHART:
        told = cards.with_banner(cards.text(chart_cards.undrawn(row.payload)), messages.banner(trading_state.current()))
        with tracing.bind_trace(row.trace_id):
            outbox.owe(row.chat_id, "sendMessage", told)


def _is_late_answer(row: OutboxMessage, now: dt.datetime) -> bool:
    return row.method == "answerCallbackQuery" and now - row.created_at > TAP_VALID


def _backoff(attempts: int, retry_after_s: float) -> dt.timedelta:
    seconds = retry_after_s or min(2 ** min(attempts, 6), MAX_BACKOFF_S) * random.uniform(1, 2) / 2
    return dt.timedelta(seconds=seconds)


def _remember_cards(rows: Sequence[OutboxMessage], calls: Sequence[Call], results: Sequence[Result]) -> None:
    """The message that shows an order, or a panic, from now on is the one that was sent for it.

    A statement each, outside any transaction: what was sent stays sent, and no order's row is held while another's is
    waited for.
    """
    for row, (method, _), result in zip(rows, calls, results, strict=True):
        if row.order_id is not None and result.message_id is not None and method != "answerCallbackQuery":
            shown = Order.objects.filter(pk=row.order_id).exclude(card_message_id=result.message_id)
            shown.update(card_message_id=result.message_id)
        if row.method == PANIC_CARD and result.message_id is not None:
            Panic.objects.filter(pk=row.payload["panic"]).update(message_id=result.message_id)


def _log(row: OutboxMessage, result: Result) -> None:
    metrics.messages.labels(result.status).inc()
    with tracing.bind_trace(row.trace_id):
        write = log.info if result.status == "sent" else log.warning
        write(
            "message_" + result.status,
            outbox_id=row.pk,
            method=row.method,
            order_id=row.order_id,
            message_id=result.message_id,
            error=result.error or None,
        )
