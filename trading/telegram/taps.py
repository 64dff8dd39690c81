"""What buttons do. Each tap is answered at once; a second tap, a late one and somebody else's change nothing."""

from collections.abc import Callable
from decimal import Decimal

from django.db.models import QuerySet

from feeds.models import Market
from trading.errors import DraftGone, LiveNotConfirmed, NoOpenPosition, OrderNotFound, PositionChanged
from trading.models import Order, Position
from trading.models.traders import BufferAction
from trading.order_state import OrderState
from trading.services import orders, placing, positions, traders
from trading.services.placing import Confirmation, Placed
from trading.telegram import (
    buffer_cards,
    cards,
    chart_commands,
    commands,
    increase_commands,
    margin_commands,
    market_commands,
    opening_commands,
    order_commands,
    panic_commands,
    settings_commands,
    stop_commands,
    wallet_commands,
)
from trading.telegram.context import Context
from trading.telegram.numbers import parse_order_id, parse_share
from trading.telegram.order_commands import GONE
from trading.telegram.resting_words import VERB
from vanta import tracing

CAP_DIGITS = 9  # far above any position
NOT_YOURS = "This card belongs to somebody else, or is gone."


def confirm(context: Context, argument: str) -> None:
    """Confirm a draft: decided now, at the current price."""
    answer_confirmation(context, placing.place_all([confirmation(context, argument)])[0])


def confirm_live(context: Context, argument: str) -> None:
    """Say for the second time that a LIVE draft is meant: it is real money."""
    second = confirmation(context, argument, is_live_confirmed=True)
    answer_confirmation(context, placing.place_all([second])[0])


def confirmation(context: Context, argument: str, *, is_live_confirmed: bool = False) -> Confirmation:
    """What a tap on [Confirm], or on the second question about real money, says. Raises Mistake."""
    number, _, quote = argument.partition(":")
    return Confirmation(
        is_live_confirmed=is_live_confirmed,
        telegram_id=context.trader.telegram_id,
        order_id=parse_order_id(number),
        quote_number=parse_order_id(quote) if quote else 1,
        message_id=context.message_id,
        trace_id=tracing.current_trace_id(),
        came_at=context.came_at,
    )


def answer_confirmation(context: Context, order: Placed) -> None:
    """Tell what became of a confirmed draft."""
    if isinstance(order, OrderNotFound):
        context.toast(NOT_YOURS, alert=True)
        return
    if isinstance(order, DraftGone):
        context.toast(GONE.get(OrderState(order.state), "Already on its way."))
        return
    if isinstance(order, LiveNotConfirmed):
        asked = Order.objects.select_related("market").get(pk=order.order_id)
        context.toast("This is real money. One more tap.")
        context.edit(cards.real_money(asked), asked)
        return
    if order.state == OrderState.APPROVED:
        context.toast("On its way.")
        return
    if order.state == OrderState.DRAFT:
        context.toast("The price moved. Please look again and confirm.", alert=True)
    elif order.state == OrderState.EXPIRED:
        context.toast(GONE[OrderState.EXPIRED], alert=True)
    else:
        context.toast("Denied. The card says why.")
    context.edit(cards.order_card(order), order)


def end_overtaken(context: Context, argument: str, market: Market | None) -> bool:
    """End the draft of a confirmation that a closing of its market (None: of all) overtook; whether there was one."""
    order_id = confirmation(context, argument).order_id
    order = orders.expire_overtaken(trader=context.trader, order_id=order_id, market=market)
    if order is None:
        return False
    context.toast("Not opened: your closing came first.", alert=True)
    context.edit(cards.order_card(order), order)
    return True


def close(context: Context, argument: str) -> None:
    """Close a share of one position: `<position>:<percent>:<closings that the card knew of>`.

    A second tap on the same card closes nothing more: it means the position that the card showed.
    """
    number, percent, seen = (*argument.split(":"), "", "")[:3]
    share = parse_share(f"{percent}%")
    held = list(Position.objects.filter(pk=parse_order_id(number), trader=context.trader))
    try:
        placed = positions.close(
            trader=context.trader,
            positions=held,
            share=share,
            origin=orders.Origin(chat_id=context.chat_id, update_id=context.update_id),
            seen_closings=parse_order_id(seen),
        )
    except NoOpenPosition:
        context.toast("There is nothing left to close here.")
        return
    except PositionChanged:
        context.toast("You have closed some of it since this card. Here is what is open now.")
        commands.positions(context, ())
        return
    denied = [order for order in placed if order.state == OrderState.DENIED]
    context.toast("Closing." if not denied else "It cannot be closed right now.", alert=bool(denied))
    for order in denied:
        context.reply(cards.order_card(order), order)


def choose_buffer_action(context: Context, argument: str) -> None:
    """Choose what is done when a position comes close to liquidation: `<action>`, for margin with `:<cap in USDC>`."""
    word, _, cap = argument.partition(":")
    has_cap = cap.isdecimal() and len(cap) <= CAP_DIGITS and int(cap) > 0
    if word not in BufferAction.values or has_cap != (word == BufferAction.ADD_MARGIN):
        context.toast(NOT_YOURS, alert=True)
        return
    action = BufferAction(word)
    traders.choose_buffer_action(trader=context.trader, action=action, cap_usd=Decimal(cap or 0))
    context.toast(buffer_cards.CHOSEN[action], alert=True)


def upside(context: Context, argument: str) -> None:
    """Preview a denied order on the Upside pair of its market."""
    _preview_again(context, Order.objects.filter(pk=parse_order_id(argument)), opening_commands.draft_on_upside)


def other_type(context: Context, argument: str) -> None:
    """Preview a limit order that was denied as a stop-limit order, or the other way round."""
    waiting = Order.objects.filter(pk=parse_order_id(argument), limit_price__isnull=False)
    _preview_again(context, waiting, opening_commands.draft_as_other_type)


def _preview_again(context: Context, found: QuerySet[Order], draft: Callable[[Context, Order], None]) -> None:
    order = found.select_related("market").filter(kind=Order.Kind.OPEN, trader=context.trader).first()
    if order is None:
        context.toast(NOT_YOURS, alert=True)
        return
    context.toast("Preview follows.")
    draft(context, order)


def show_positions(context: Context, _argument: str) -> None:
    context.toast("")
    commands.positions(context, ())


HANDLERS: dict[str, Callable[[Context, str], None]] = {
    "confirm": confirm,
    "live": confirm_live,
    VERB: order_commands.tap,
    "close": close,
    stop_commands.VERB: stop_commands.tap,
    "margin": margin_commands.tap,
    "margin_for": margin_commands.tap_preview,
    "buffer": choose_buffer_action,
    "panic": panic_commands.tap,
    "upside": upside,
    "other_type": other_type,
    "increase": increase_commands.tap,
    "positions": show_positions,
    "markets": market_commands.turn_markets,
    "chart": chart_commands.tap,
    "settings": settings_commands.tap,
    "revoke": wallet_commands.ask_to_revoke,
    "revoke_now": wallet_commands.revoke,
    "wallet": wallet_commands.show_again,
}
