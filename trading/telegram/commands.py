"""What commands do: read the words, ask a service or a selector, answer with a card."""

from collections.abc import Callable

from feeds import selectors as feeds
from feeds.consensus import NoConsensus
from feeds.models import Market
from trading import selectors, valuation
from trading.errors import NoOpenPosition, OrderNotFound
from trading.models.traders import Mode
from trading.services import orders
from trading.services import positions as services
from trading.services.positions import Unopened
from trading.telegram import (
    admin_commands,
    cards,
    chart_commands,
    increase_commands,
    margin_commands,
    market_commands,
    messages,
    opening_commands,
    order_commands,
    pages,
    panic_commands,
    resting_words,
    risk_commands,
    settings_commands,
    stop_commands,
    story,
    time_words,
    wallet_commands,
)
from trading.telegram.admins import is_admin
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_order_id, parse_share
from vanta import clock
from vanta.money import ONE

Words = tuple[str, ...]
MAX_CARDS = 10


def start(context: Context, _words: Words) -> None:
    account = selectors.balance(context.trader, Mode.DRY)
    context.reply(pages.welcome(context.trader, account.free_usd))


def help_(context: Context, _words: Words) -> None:
    context.reply(pages.help_page(is_admin=is_admin(context.trader.telegram_id)))


def balance(context: Context, _words: Words) -> None:
    context.reply(pages.balance(selectors.balance(context.trader, orders.opening_mode(context.trader))))


def positions(context: Context, _words: Words) -> None:
    held = selectors.open_positions(context.trader)
    if not held:
        waiting = resting_words.how_many(len(selectors.resting_orders(context.trader)))
        context.reply_text(f"You have no open positions. {waiting or f'Open one: {messages.OPENING_EXAMPLE}'}")
        return
    marks = feeds.mark_prices(sorted({position.market.symbol for position in held}))
    for position in held[:MAX_CARDS]:
        mark = valuation.price_or_last(position.market, marks)
        pnl = valuation.unrealised_pnl(position, marks)
        context.reply(cards.position_card(position, mark, pnl, last_known=_age_of_last(position.market, marks)))
    if len(held) > MAX_CARDS:
        context.reply_text(f"… and {len(held) - MAX_CARDS} more. /close takes a market's or a position's name.")


def _age_of_last(market: Market, marks: valuation.Marks) -> str:
    """How old the price is that stands in for a missing mark; empty where there is a mark."""
    last = feeds.last_mark(market.symbol) if isinstance(marks[market.symbol], NoConsensus) else None
    return time_words.age(clock.now_ms() - last.as_of_ms) if last else ""


def close(context: Context, words: Words) -> None:
    if not words:
        raise Mistake("missing_market")
    share = parse_share(words[1]) if len(words) > 1 else ONE
    named = words[0].removeprefix("#").isdigit()
    market = None if named or words[0].lower() == "all" else feeds.find_market(words[0])
    unopened = Unopened((), ()) if named else services.stop_unopened(trader=context.trader, market=market)
    taken_back = order_commands.take_back_all(context) if market is None and not named else []
    held = selectors.open_positions(context.trader)
    if named:
        held = [position for position in held if position.pk == parse_order_id(words[0])]
    elif market is not None:
        held = [position for position in held if position.market_id == market.pk]
    try:
        placed = services.close(trader=context.trader, positions=held, share=share, origin=context.origin)
    except NoOpenPosition:
        placed = []
    for order in [*unopened.canceled, *placed]:
        context.reply(cards.order_card(order), order)
    if unopened.on_their_way:
        context.reply_text(messages.too_late_to_stop(unopened.on_their_way))
    elif not placed and not unopened.canceled and not taken_back:
        context.reply_text("There is no open position to close here. /positions shows what is open.")
    if market is not None:
        order_commands.mention_resting(context, market)


def why(context: Context, words: Words) -> None:
    if not words:
        raise Mistake("missing_order")
    try:
        chain = selectors.order_chain(parse_order_id(words[0]), trader=context.trader)
    except OrderNotFound:
        context.reply_text("You have no such order. /orders lists them.")
        return
    context.reply(cards.text(story.why(chain)))


def status(context: Context, _words: Words) -> None:
    context.reply(cards.text(pages.status(selectors.system_status(context.trader))))


HANDLERS: dict[str, Callable[[Context, Words], None]] = {
    "start": start,
    "help": help_,
    "balance": balance,
    "risk": risk_commands.risk,
    "connect": wallet_commands.connect,
    "wallet": wallet_commands.wallet,
    "markets": market_commands.markets,
    "price": market_commands.price,
    "chart": chart_commands.chart,
    "long": opening_commands.long,
    "short": opening_commands.short,
    "limit": opening_commands.limit,
    "increase": increase_commands.increase,
    "positions": positions,
    "close": close,
    "panic": panic_commands.panic,
    "sl": stop_commands.stop_loss,
    "tp": stop_commands.take_profit,
    "margin": margin_commands.margin,
    "orders": order_commands.list_orders,
    "cancel": order_commands.cancel,
    "why": why,
    "status": status,
    "settings": settings_commands.settings,
    "feeds": admin_commands.feeds,
    "stop": admin_commands.stop,
    "halt": admin_commands.halt,
    "maintenance": admin_commands.maintenance,
}
EXAMPLES = {
    "price": "<code>/price ETH</code>",
    "chart": chart_commands.EXAMPLE,
    "close": messages.CLOSING_EXAMPLE,
    "sl": stop_commands.EXAMPLES["sl"],
    "tp": stop_commands.EXAMPLES["tp"],
    "margin": margin_commands.EXAMPLE,
    "cancel": order_commands.EXAMPLE,
    "limit": messages.LIMIT_EXAMPLE,
    "increase": messages.INCREASE_EXAMPLE,
    "settings": settings_commands.EXAMPLE,
    "why": "<code>/why 12</code>",
    "risk": risk_commands.EXAMPLE,
    "short": "<code>/short BTC 250 5x tp=2%</code>",
}
