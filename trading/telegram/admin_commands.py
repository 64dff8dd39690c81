"""Commands for admins. Everybody else is refused, and learns nothing by it."""

import datetime as dt
from collections.abc import Callable
from functools import wraps

from feeds.losses import loss_summary
from feeds.selectors import feed_status
from risk.trading_state import TradingState, WouldLoosen
from trading.services import stopping
from trading.telegram import feed_pages, stopping_words
from trading.telegram.admins import is_admin
from trading.telegram.context import Context
from vanta import audit, clock
from vanta.models import AuditEntry

Words = tuple[str, ...]
Handler = Callable[[Context, Words], None]
MAX_REASON = 500
REFUSALS_TOLD_EVERY = dt.timedelta(hours=1)  # a stranger who goes on trying must not fill the log
DEFAULT_REASON = "stopped in the chat"
REFUSAL = "🔒 This command is for the admins of this bot. /help shows what you can do here."


def for_admins(handler: Handler) -> Handler:
    """The handler, for admins only. Each use is in the audit log, and of each stranger the first try in an hour."""

    @wraps(handler)
    def guarded(context: Context, words: Words) -> None:
        name = f"/{handler.__name__}"
        if is_admin(context.trader.telegram_id):
            handler(context, words)
            _record(context, "telegram.command", name, " ".join(words)[:MAX_REASON])
        else:
            context.reply_text(REFUSAL)
            if not _was_refused_lately(context):
                _record(context, "telegram.refuse", name)

    return guarded


def _record(context: Context, action: str, command: str, typed: str = "") -> None:
    audit.append_last(
        actor=_actor(context), action=action, subject=_subject(context), after={"command": command}, reason=typed
    )


def _was_refused_lately(context: Context) -> bool:
    refused = AuditEntry.objects.filter(action="telegram.refuse", subject=_subject(context))
    return refused.filter(created_at__gt=clock.now() - REFUSALS_TOLD_EVERY).exists()


def _subject(context: Context) -> str:
    return f"telegram:{context.trader.telegram_id}"


def _actor(context: Context) -> str:
    return f"{_subject(context)} {context.trader.username or context.trader.first_name}".strip()


@for_admins
def feeds(context: Context, _words: Words) -> None:
    context.reply(feed_pages.feeds(feed_status(), loss_summary(feed_pages.LOOKED_BACK)))


@for_admins
def stop(context: Context, words: Words) -> None:
    """Wind down: only what reduces risk goes on."""
    _stop(context, TradingState.REDUCING, words)


@for_admins
def halt(context: Context, words: Words) -> None:
    """The emergency stop: nothing is sent but cancels."""
    _stop(context, TradingState.HALTED, words)


@for_admins
def maintenance(context: Context, words: Words) -> None:
    """Wind down, and tell the traders so."""
    _stop(context, TradingState.REDUCING, words, is_maintenance=True)


def _stop(context: Context, state: TradingState, words: Words, *, is_maintenance: bool = False) -> None:
    """In one step: nobody is asked whether it is meant, nor for a reason."""
    reason = " ".join(words)[:MAX_REASON] or DEFAULT_REASON
    try:
        change = stopping.stop(state, actor=_actor(context), reason=reason, is_maintenance=is_maintenance)
    except WouldLoosen:
        context.reply_text(stopping_words.halted_already())
        return
    context.reply(stopping_words.stopped(change, stopping.uncaught()))
