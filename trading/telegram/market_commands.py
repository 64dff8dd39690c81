"""Commands about markets: what can be traded, and what a price rests on."""

from feeds import selectors as feeds
from trading import selectors
from trading.telegram import pages
from trading.telegram.context import Context
from trading.telegram.parsing import Mistake
from vanta import clock

Words = tuple[str, ...]


def markets(context: Context, words: Words) -> None:
    context.reply(pages.markets(selectors.listed_markets(), " ".join(words)))


def price(context: Context, words: Words) -> None:
    if not words:
        raise Mistake("missing_market")
    market = feeds.find_market(words[0])
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    context.reply(pages.price(market, mark, feeds.last_mark(market.symbol), clock.now_ms()))
