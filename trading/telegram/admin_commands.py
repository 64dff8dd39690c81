"""Commands for admins. Everybody else is refused, and learns nothing by it."""

from collections.abc import Callable
from functools import wraps

from feeds.losses import loss_summary
from feeds.selectors import feed_status
from risk.trading_state import TradingState, WouldLoosen
from trading.services import stopping
from trading.telegram import feed_pages, stopping_words
from trading.telegram.admins import is_admin
from trading.telegram.context import Context

Words = tuple[str, ...]
Handler = Callable[[Context, Words], None]
MAX_REASON = 500
DEFAULT_REASON = "stopped in the chat"
REFUSAL = "🔒 This command is for the admins of this bot. /help shows what you can do here."


def for_admins(handler: Handler) -> Handler:
    """The handler, for admins only."""

    @wraps(handler)
    def guarded(context: Context, words: Words) -> None:
        if is_admin(context.trader.telegram_id):
            handler(context, words)
        else:
            context.reply_text(REFUSAL)

    return guarded


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
    actor = f"telegram:{context.trader.telegram_id} {context.trader.username or context.trader.first_name}"
    reason = " ".join(words)[:MAX_REASON] or DEFAULT_REASON
    try:
        change = stopping.stop(state, actor=actor, reason=reason, is_maintenance=is_maintenance)
    except WouldLoosen:
        context.reply_text(stopping_words.halted_already())
        return
    context.reply(stopping_words.stopped(change, stopping.uncaught()))
