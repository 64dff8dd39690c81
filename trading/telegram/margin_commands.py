"""`/margin ETH +50` and `/margin #12 -20`: a preview of what it makes of the position, and the tap that means it."""

from decimal import Decimal

from feeds import selectors as feeds
from trading import selectors
from trading.errors import NoOpenPosition, PositionChanged
from trading.order_state import OrderState
from trading.services import margin_moves
from trading.services.orders import Origin
from trading.telegram import cards, margin_cards
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_amount, parse_order_id
from vanta.money import ZERO

EXAMPLE = "<code>/margin ETH +50</code> or <code>/margin ETH -20</code>"
MINUS = "-−–"  # as people and their keyboards write it
NOT_OPEN = "There is no such open position. /positions shows what is open."
MAX_POSITIONS = 10


def margin(context: Context, words: tuple[str, ...]) -> None:
    """Preview a move of margin; where several positions fit, ask which."""
    if not words:
        raise Mistake("missing_market")
    is_named = words[0].removeprefix("#").isdigit()
    market = None if is_named else feeds.find_market(words[0])
    amount = parse_move("".join(words[1:]))
    held = selectors.open_positions(context.trader)
    if is_named:
        held = [position for position in held if position.pk == parse_order_id(words[0])]
    elif market is not None:
        held = [position for position in held if position.market_id == market.pk]
    if len(held) > 1:
        context.reply(margin_cards.choose(held[:MAX_POSITIONS], amount))
    elif held:
        _preview(context, held[0].pk, amount)
    else:
        context.reply_text(NOT_OPEN)


def tap_preview(context: Context, argument: str) -> None:
    """Preview for the position on the button: `<position>:<signed amount>`."""
    number, _, typed = argument.partition(":")
    context.toast("")
    _preview(context, parse_order_id(number), parse_move(typed))


def tap(context: Context, argument: str) -> None:
    """Move it: `<position>:<signed amount>:<changes that the card knew of>`. A second tap on a card moves nothing."""
    number, typed, seen = (*argument.split(":"), "", "")[:3]
    amount = parse_move(typed)
    move = margin_moves.add if amount > ZERO else margin_moves.withdraw
    try:
        order = move(
            trader=context.trader,
            position_id=parse_order_id(number),
            amount_usd=abs(amount),
            origin=Origin(chat_id=context.chat_id, update_id=context.update_id, message_id=context.message_id),
            seen_changes=parse_order_id(seen),
        )
    except NoOpenPosition:
        context.toast(NOT_OPEN, alert=True)
        return
    except PositionChanged:
        context.toast("This position has changed since this card. Send /margin again.", alert=True)
        return
    if order.state == OrderState.APPROVED:
        context.toast("On its way.")
        return
    context.toast("Denied. The card says why.")
    context.edit(cards.order_card(order), order)


def _preview(context: Context, position_id: int, amount: Decimal) -> None:
    try:
        shown = margin_moves.preview(trader=context.trader, position_id=position_id, amount_usd=amount)
    except NoOpenPosition:
        context.reply_text(NOT_OPEN)
        return
    context.reply(margin_cards.preview(shown, amount))


def parse_move(word: str) -> Decimal:
    """`+50` into the position, `-20` out of it. Raises Mistake."""
    if not word:
        raise Mistake("missing_move")
    if word[0] not in f"+{MINUS}":
        raise Mistake("move_without_sign", word)
    amount = parse_amount(word[1:])
    return -amount if word[0] in MINUS else amount
