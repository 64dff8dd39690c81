"""How many messages and taps of one user are handled in a minute; what closes, cancels or stops is never held up.

Over the limit a user is told once in each window, then left unanswered. Without Redis everything is handled.
"""

from collections.abc import Sequence

import structlog
from django.conf import settings

from risk import window_script
from risk.usage import MINUTE_MS
from risk.window_script import GRANTED, Answer, Ask, Call, Limit
from trading import outbox
from trading.models import TelegramUpdate
from trading.telegram import messages, rate_words
from vanta import redis

log = structlog.get_logger(__name__)
KEY_PREFIX = "windows:messages:"
TOLD = "slow_down"


def excess(updates: Sequence[TelegramUpdate]) -> dict[int, int]:
    """The updates that are too many, by update id: in how many ms there is room again, 0 where that was said before.

    An update that is handled again, because its batch broke, counts once and is told again.
    """
    limited: dict[int, list[TelegramUpdate]] = {}
    for update in updates:
        if update.user_id and not update.is_urgent:
            limited.setdefault(update.user_id, []).append(update)
    if not limited:
        return {}
    try:
        replies = window_script.run([_call(user_id, theirs) for user_id, theirs in limited.items()])
        return {
            update.update_id: _wait_to_tell_ms(update, answer)
            for theirs, reply in zip(limited.values(), replies, strict=True)
            for update, answer in zip(theirs, reply.answers, strict=True)
            if answer.status != GRANTED
        }
    except redis.RedisDown as error:
        log.warning("message_limit_unavailable", error=type(error).__name__)
        return {}


def answer_excess(update: TelegramUpdate, wait_ms: int) -> str:
    """The outcome of an update that is not handled: TOLD, or '' where nothing is said any more."""
    if not wait_ms:
        return ""
    words = rate_words.slow_down(wait_ms)
    tap = update.payload.get("callback_query")
    if isinstance(tap, dict) and isinstance(tap.get("id"), str):
        toast = {"callback_query_id": tap["id"], "text": messages.plain(words), "show_alert": True}
        outbox.owe(update.chat_id or update.user_id, "answerCallbackQuery", toast)
    elif update.chat_id:
        outbox.owe(update.chat_id, "sendMessage", {"text": words})
    return TOLD


def _call(user_id: int, updates: Sequence[TelegramUpdate]) -> Call:
    return Call(
        key=f"{KEY_PREFIX}{user_id}",
        limits=[Limit(MINUTE_MS, settings.TELEGRAM_MESSAGES_PER_MINUTE)],
        asks=[Ask(update.update_id) for update in updates],
        is_memory_enough=True,
    )


def _wait_to_tell_ms(update: TelegramUpdate, answer: Answer) -> int:
    wait_ms = answer.retry_after_ms[0] if answer.retry_after_ms[0] > 0 else MINUTE_MS
    key = f"{KEY_PREFIX}{update.user_id}:told"
    is_first = redis.client().set(key, update.update_id, nx=True, px=wait_ms)
    if not is_first and redis.client().get(key) != str(update.update_id):
        return 0
    return wait_ms
