"""Commands for admins. Everybody else is refused, and learns nothing by it."""

from collections.abc import Callable
from functools import wraps

from feeds.losses import loss_summary
from feeds.selectors import feed_status
from trading.telegram import feed_pages
from trading.telegram.admins import is_admin
from trading.telegram.context import Context

Words = tuple[str, ...]
Handler = Callable[[Context, Words], None]
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
