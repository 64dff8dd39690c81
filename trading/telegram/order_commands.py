"""`/orders` and `/cancel`: what rests and what was, and taking orders back; where several are meant, by buttons."""

from collections.abc import Sequence

from feeds import selectors as feeds
from feeds.models import Market
from trading import outbox, selectors, valuation
from trading.errors import DraftGone, OrderNotFound
from trading.models import Order
from trading.order_state import OrderState
from trading.services import canceling
from trading.telegram import cards, resting_cards
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_order_id

EXAMPLE = "<code>/cancel 12</code>  or  <code>/cancel all</code>"
NOTHING_RESTS = f"Nothing of yours is waiting. An order that has not left yet is canceled by its number: {EXAMPLE}"
NO_SUCH_ORDER = "You have no such order. /orders lists them."
GONE = {
    OrderState.FILLED: "Already filled.",
    OrderState.CANCELED: "It was canceled before.",
    OrderState.EXPIRED: "Its time was over. Send the order again for a new preview.",
    OrderState.DENIED: "It was denied before.",
    OrderState.REJECTED: "The venue rejected it.",
    OrderState.RESTING: "It waits for its price already.",
}
TOO_LATE = "Too late: it is on its way. If it then waits for its price, cancel it again."


def list_orders(context: Context, _words: tuple[str, ...]) -> None:
    """What rests, each with a button to take it back, and the last orders."""
    resting = selectors.resting_orders(context.trader)
    context.reply(resting_cards.order_list(selectors.recent_orders(context.trader), resting, _prices(resting)))


def cancel(context: Context, words: tuple[str, ...]) -> None:
    """Some by their numbers, those of a market, or all that rest; without a word, buttons for what rests."""
    if not words:
        resting = selectors.resting_orders(context.trader)
        choice = resting_cards.resting_list(resting, _prices(resting))
        context.reply(choice if resting else cards.text(NOTHING_RESTS))
    elif words[0].removeprefix("#").isdigit():
        if len(words) > resting_cards.MAX_LISTED:
            raise Mistake("not_understood", words[resting_cards.MAX_LISTED])
        for order_id in dict.fromkeys(map(parse_order_id, words)):
            _take_back_typed(context, order_id)
    elif len(words) > 1:
        raise Mistake("not_understood", words[1], words[:1])  # a side, say: all of the market would go
    else:
        market = None if words[0].lower() == "all" else feeds.find_market(words[0])
        if not take_back_all(context, market):
            context.reply_text(NOTHING_RESTS)


def _take_back_typed(context: Context, order_id: int) -> None:
    try:
        order = canceling.take_back(trader=context.trader, order_id=order_id, origin=context.origin)
    except OrderNotFound:
        context.reply_text(NO_SUCH_ORDER)
    except DraftGone as error:
        state = OrderState(error.state)
        context.reply_text(f"Order #{error.order_id} cannot be canceled any more. {GONE.get(state, TOO_LATE)}")
    else:
        _answer(context, order)


def _answer(context: Context, order: Order) -> None:
    """The order's card comes again, and from now on is the one that tells what becomes of it."""
    if order.state == OrderState.RESTING:
        context.reply(cards.order_card(order), order)
        return
    context.reply_text(f"✖️ Order #{order.pk} is canceled. Nothing was sent.")
    outbox.owe_order_cards([order] if order.card_message_id else [])  # its buttons go


def take_back_all(context: Context, market: Market | None = None) -> list[Order]:
    """Order the cancel of all that rests, here or anywhere, and say so; what is to be canceled."""
    orders = canceling.take_back_all(trader=context.trader, market=market, origin=context.origin)
    if len(orders) == 1:
        _answer(context, orders[0])
    elif orders:
        context.reply(resting_cards.being_taken_back(orders))
    return orders


def mention_resting(context: Context, market: Market) -> None:
    """Whoever closes a market's positions should know of what would open one there again."""
    resting = [order for order in selectors.resting_orders(context.trader) if order.market_id == market.pk]
    if resting:
        context.reply(resting_cards.left_alone(resting, market))


def tap(context: Context, argument: str) -> None:
    """`<order>` on its card, `list:<order>` in a list, `market:<market>`, or `all`. Raises Mistake."""
    place, _, number = argument.rpartition(":")
    if argument == "all" or place == "market":
        market = Market.objects.filter(pk=parse_order_id(number)).first() if place else None
        found = take_back_all(context, market) if market or not place else []
        context.toast("Taking them back." if found else "Nothing of yours is waiting here any more.")
        return
    if place not in ("", "list"):
        raise Mistake("not_understood", argument)
    try:
        order = canceling.take_back(trader=context.trader, order_id=parse_order_id(number), origin=context.origin)
    except OrderNotFound:
        context.toast("This card belongs to somebody else, or is gone.", alert=True)
    except DraftGone as error:
        context.toast(GONE.get(OrderState(error.state), TOO_LATE), alert=error.state == OrderState.FILLED)
    else:
        _answer_tap(context, order, is_listed=bool(place))


def _answer_tap(context: Context, order: Order, *, is_listed: bool) -> None:
    is_resting = order.state == OrderState.RESTING
    context.toast("Taking it back." if is_resting else "Canceled.")
    show = context.reply if is_listed else context.edit
    show(cards.order_card(order), order)


def _prices(orders: Sequence[Order]) -> valuation.Prices:
    symbols = sorted({order.market.symbol for order in orders})
    return valuation.known_prices(feeds.mark_prices(symbols), symbols) if symbols else {}
