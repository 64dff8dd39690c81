"""`/long`, `/short` and `/limit`: an opening as it was typed, and its preview."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from feeds import selectors as feeds
from feeds.consensus import NoConsensus
from feeds.models import Market
from risk.margin import Side
from trading.models import Order
from trading.services import orders
from trading.services.orders import OpeningWish
from trading.telegram import cards, levels, messages
from trading.telegram.context import Context
from trading.telegram.numbers import Level, Mistake
from trading.telegram.parsing import OpeningText, parse_limit, parse_opening
from vanta.money import ZERO, format_number, format_usd, quantize_price

T = Order.Type
OTHER_TYPE = {T.LIMIT: T.STOP_LIMIT, T.STOP_LIMIT: T.LIMIT}


def long(context: Context, words: tuple[str, ...]) -> None:
    """`/long ETH 100 10x sl=2900`; with a price (`@2900`, `stop@3100`) it waits for it."""
    _open(context, Side.LONG, parse_opening(words))


def short(context: Context, words: tuple[str, ...]) -> None:
    """The same for a falling price."""
    _open(context, Side.SHORT, parse_opening(words))


def limit(context: Context, words: tuple[str, ...]) -> None:
    """`/limit ETH long 100 10x @2900`."""
    typed = parse_limit(words)
    _open(context, typed.side or Side.LONG, typed)


def _open(context: Context, side: Side, typed: OpeningText) -> None:
    market = feeds.find_market(typed.market)
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    if isinstance(mark, NoConsensus):
        context.reply_text(messages.why_no_price(market, mark))
        return
    _draft(context, _wish(typed, market, side, mark.price), mark.price)


@dataclass(frozen=True, slots=True)
class _Scale:
    """What a typed stop or take-profit counts from."""

    side: Side
    price: Decimal
    notional_usd: Decimal
    understood: tuple[str, ...]

    def reached(
        self, name: str, level: Level | None, at: Callable[[Level, Side, Decimal, Decimal], Decimal]
    ) -> Decimal | None:
        """The level as a price. Raises Mistake where it is none."""
        value = quantize_price(at(level, self.side, self.price, self.notional_usd)) if level else None
        if value is not None and value <= ZERO:
            raise Mistake("level_not_a_price", f"{name}={level}", self.understood)
        return value


def _wish(typed: OpeningText, market: Market, side: Side, mark_price: Decimal) -> OpeningWish:
    leverage = format_number(typed.leverage.normalize())
    waits_for = (str(typed.limit),) if typed.limit else ()
    understood = (market.symbol, f"{format_usd(typed.collateral_usd)} USDC", f"{leverage}x", *waits_for)
    price = typed.limit.price if typed.limit else mark_price
    scale = _Scale(side, price, typed.collateral_usd * typed.leverage, understood)
    return OpeningWish(
        market=market,
        side=side,
        collateral_usd=typed.collateral_usd,
        leverage=typed.leverage,
        stop_loss=scale.reached("sl", typed.stop_loss, levels.stop_price),
        take_profit=scale.reached("tp", typed.take_profit, levels.take_profit_price),
        order_type=_type(typed),
        limit_price=typed.limit.price if typed.limit else None,
    )


def _type(typed: OpeningText) -> Order.Type:
    if typed.limit is None:
        return T.MARKET
    return T.STOP_LIMIT if typed.limit.is_stop else T.LIMIT


def _draft(context: Context, wish: OpeningWish, quoted_price: Decimal) -> None:
    order = orders.draft_opening(trader=context.trader, wish=wish, quoted_price=quoted_price, origin=context.origin)
    context.reply(cards.order_card(order), order)


def draft_on_upside(context: Context, order: Order) -> None:
    """The same wish, at once, on the Upside pair of the order's market."""
    upside = Market.objects.filter(price_symbol=order.market.price_symbol, is_upside=True, is_listed=True).first()
    _draft_again(context, order, upside, T.MARKET)


def draft_as_other_type(context: Context, order: Order) -> None:
    """The same wish as a stop-limit order where it was a limit order, and the other way round."""
    _draft_again(context, order, order.market, OTHER_TYPE[T(order.order_type)])


def _draft_again(context: Context, order: Order, market: Market | None, order_type: Order.Type) -> None:
    mark = feeds.mark_prices([order.market.symbol])[order.market.symbol]
    if market is None or isinstance(mark, NoConsensus):
        reason = mark.reason if isinstance(mark, NoConsensus) else "no_fresh_quote"
        context.reply_text(messages.no_price(order.market.symbol, reason))
        return
    wish = OpeningWish(
        market=market,
        side=Side(order.side),
        collateral_usd=order.collateral_usd,
        leverage=order.leverage,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        order_type=order_type,
        limit_price=None if order_type == T.MARKET else order.limit_price,
    )
    _draft(context, wish, mark.price)
