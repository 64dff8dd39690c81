"""`/increase`: which position is meant, and the preview of what it would become."""

from decimal import Decimal

from feeds import selectors as feeds
from feeds.consensus import NoConsensus
from feeds.models import Market
from trading import selectors
from trading.errors import NoOpenPosition
from trading.models import Position
from trading.services import increasing
from trading.telegram import cards, messages
from trading.telegram.context import Context
from trading.telegram.numbers import parse_amount, parse_leverage, parse_order_id
from trading.telegram.parsing import IncreaseText, parse_increase
from vanta.money import format_number, format_usd

MAX_BUTTONS = 10


def increase(context: Context, words: tuple[str, ...]) -> None:
    """The only position of the market, or the one that is named; else a button for each."""
    typed = parse_increase(words)
    held = _meant(context, typed)
    if not held:
        context.reply_text(f"You have no such open position. Open one: {messages.OPENING_EXAMPLE}")
    elif len(held) == 1:
        _draft(context, held[0], typed.collateral_usd, typed.leverage)
    else:
        buttons = [[(_label(position), _data(position, typed))] for position in held[:MAX_BUTTONS]]
        context.reply(cards.text(f"Add {format_usd(typed.collateral_usd)} USDC to which position?", *buttons))


def tap(context: Context, argument: str) -> None:
    """The position that was chosen: `<position>:<collateral>:<leverage or nothing>`. Raises Mistake."""
    number, collateral, leverage = (*argument.split(":"), "", "")[:3]
    position_id, amount = parse_order_id(number), parse_amount(collateral)
    times = parse_leverage(f"{leverage}x") if leverage else None
    held = [each for each in selectors.open_positions(context.trader) if each.pk == position_id]
    if not held:
        context.toast("There is no such open position any more.")
        return
    context.toast("Preview follows.")
    _draft(context, held[0], amount, times)


def _meant(context: Context, typed: IncreaseText) -> list[Position]:
    held = selectors.open_positions(context.trader)
    if (position_id := typed.position_id) is not None:
        return [position for position in held if position.pk == position_id]
    market = feeds.find_market(typed.target)
    return [position for position in held if position.market_id == market.pk]


def _draft(context: Context, position: Position, collateral: Decimal, leverage: Decimal | None) -> None:
    market: Market = position.market
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    if isinstance(mark, NoConsensus):
        context.reply_text(messages.why_no_price(market, mark))
        return
    try:
        order = increasing.draft_increase(
            trader=context.trader,
            position_id=position.pk,
            collateral_usd=collateral,
            leverage=leverage,
            quoted_price=mark.price,
            origin=context.origin,
        )
    except NoOpenPosition:
        context.reply_text("That position has just been closed. /positions shows what is open.")
        return
    context.reply(cards.order_card(order), order)


def _label(position: Position) -> str:
    leverage = format_number(position.leverage.normalize())
    size = f"{format_usd(position.collateral_usd)} USDC at {leverage}x"
    return f"#{position.pk} {position.side} · {size} · {position.mode}"


def _data(position: Position, typed: IncreaseText) -> str:
    leverage = "" if typed.leverage is None else format(typed.leverage.normalize(), "f")
    return f"increase:{position.pk}:{format(typed.collateral_usd.normalize(), 'f')}:{leverage}"
