"""Commands about markets: what can be traded, and what a price rests on."""

from feeds.price_views import price_view
from feeds.selectors import find_market
from trading import selectors
from trading.telegram import market_pages
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_order_id

Words = tuple[str, ...]


def markets(context: Context, words: Words) -> None:
    context.reply(market_pages.markets(selectors.listed_markets(), " ".join(words)))


def turn_markets(context: Context, argument: str) -> None:
    """Another page of the markets: `<page>:<what was asked for>`."""
    page, _, wanted = argument.partition(":")
    context.toast("")
    context.edit(market_pages.markets(selectors.listed_markets(), wanted, parse_order_id(page)))


def price(context: Context, words: Words) -> None:
    if not words:
        raise Mistake("missing_market")
    market = find_market(words[0])
    context.reply(market_pages.price(market, price_view(market.symbol)))
