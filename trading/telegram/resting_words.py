"""What cards say of orders that wait for their price, and of their cancels. HTML of the Bot API."""

from decimal import Decimal

from risk.margin import Side
from trading.keys.active import active_delegate
from trading.models import Order, Placement
from trading.models.orders import K
from trading.models.traders import Mode
from trading.order_state import PENDING, OrderState
from trading.telegram import messages
from vanta.money import format_percent, format_price, format_usd

VERB = "cancel"
TYPES = {Order.Type.LIMIT: "Limit order", Order.Type.STOP_LIMIT: "Stop-limit order"}
_ENDS = {
    "canceled_by_trader": "You took it back.",
    "trading_reducing": "Trading is being wound down, so it was taken back. Send it again when openings work.",
    "trading_halted": "Trading was halted, so it was taken back. Send it again when trading goes on.",
    "live_switched_off": "LIVE was switched off, so it was taken back.",
    "delegate_expires_soon": "Your wallet's permission ends within a day, and nobody could take it back then: it was "
    "taken back. /connect again.",
    "entries_stopped": "You have stopped your entries, so it was taken back.",
    "trader_disabled": "An admin has disabled openings for you, so it was taken back.",
    "canceled_at_venue": "It was taken back at the venue, not by Vanta.",
}
_MARKS = {"limit": "Preview as limit order", "stop_limit": "Preview as stop-limit order"}


def name(order: Order) -> str:
    """`limit 2,900.00`, `stop-limit 3,100.00`; empty for an order that is executed at once."""
    if order.limit_price is None:
        return ""
    return f"{TYPES[Order.Type(order.order_type)].lower().removesuffix(' order')} {format_price(order.limit_price)}"


def wish(order: Order) -> list[str]:
    """What an order that has not been executed waits for, or is to take back."""
    if order.kind == K.CANCEL:
        return [f"Takes back order #{order.cancels_id}"]
    return _waits(order)


def _waits(order: Order) -> list[str]:
    if order.limit_price is None:
        return []
    verb = "bought" if order.side == Side.LONG else "sold"
    move = "falls" if order.waits_below else "rises"
    kind = TYPES[Order.Type(order.order_type)]
    return [f"{kind}  {verb} when the price {move} to <b>{format_price(order.limit_price)}</b>"]


def preview(order: Order) -> list[str]:
    """What it waits for, how far that is, and what is held until then."""
    if order.limit_price is None:
        return []
    place = "below" if order.waits_below else "above"
    away = format_percent(abs(order.quoted_price - order.limit_price) / order.quoted_price)
    return [
        *(f"⏳ {line}" for line in _waits(order)),
        f"   ↳ {away} {place} the mark, {format_price(order.quoted_price)}; the numbers are those of that price",
        f"   ↳ the venue holds {format_usd(order.collateral_usd)} USDC while it waits; canceling frees them",
        "",
    ]


def how_many(orders: int) -> str:
    """That so many orders wait; empty where none does."""
    if not orders:
        return ""
    return f"⏳ {orders} {'order waits for its' if orders == 1 else 'orders wait for their'} price: /orders."


def basis(order: Order) -> str:
    """What the entry on a preview follows from."""
    return name(order) or f"mark {format_price(order.quoted_price)}"


def resting(order: Order) -> list[str]:
    """An order that rests: what it waits for, what is held; the heading is the caller's."""
    lines = [*_waits(order), _size(order)]
    if order.stop_loss is not None:
        lines.append(f"Stop  {format_price(order.stop_loss)}")
    if order.take_profit is not None:
        lines.append(f"Take-profit  {format_price(order.take_profit)}")
    if is_being_canceled(order):
        lines += ["", _being_canceled(order)]
    return lines


def _being_canceled(order: Order) -> str:
    if order.mode == Mode.LIVE and active_delegate(order.trader_id) is None:
        return "⚠️ No key can sign its cancel, and it can still be filled: /connect again, or cancel it at the venue."
    return "<i>Being taken back …</i>"


def _size(order: Order) -> str:
    notional = order.collateral_usd * order.leverage
    return f"Held  <b>{format_usd(held_usd(order))}</b> USDC · notional {format_usd(notional)}"


def held_usd(order: Order) -> Decimal:
    """What the venue holds, or held, for it."""
    placement: Placement | None = getattr(order, "placement", None)
    return placement.escrow_usd if placement else Decimal(0)


def is_being_canceled(order: Order) -> bool:
    """Whether a cancel of it is under way."""
    known: bool | None = getattr(order, "being_canceled", None)
    return order.cancels_of.filter(state__in=PENDING).exists() if known is None else known


def buttons(order: Order) -> list[list[tuple[str, str]]]:
    """To take back what rests, and to try a limit order on the other side of the mark as what it would have to be."""
    if order.state == OrderState.RESTING:
        return [] if is_being_canceled(order) else [[("✖️ Cancel", f"{VERB}:{order.pk}")]]
    codes = [denial["code"] for denial in order.decision.get("denials", ())]
    if order.state != OrderState.DENIED or "limit_wrong_side" not in codes:
        return []
    other = "stop_limit" if order.order_type == Order.Type.LIMIT else "limit"
    return [[(_MARKS[other], f"other_type:{order.pk}")]]


def end(order: Order) -> str:
    """Why an order that was to wait, and has not been filled, ended."""
    held = held_usd(order)
    if not held:
        return messages.reason(order.reason)
    words = _ENDS.get(order.reason, messages.reason(order.reason))
    return f"{words} {format_usd(held)} USDC are free again."


def taken_back(cancel: Order) -> str:
    """What a cancel has done, or is about to do."""
    if cancel.state != OrderState.FILLED:
        return f"Order #{cancel.cancels_id} is being taken back."
    return f"Order #{cancel.cancels_id}: {_ENDS.get(cancel.reason, 'it was taken back.')}"


def cancel_came_to(cancel: Order) -> str:
    """The end of a cancel that has taken nothing back."""
    name = f"order #{cancel.cancels_id}"
    if cancel.reason in ("already_filled", "not_resting"):
        return f"⚠️ <b>Not canceled</b>: {name} had ended before. /positions and /orders show what there is."
    return f"⚠️ <b>Not canceled</b>: {name}. {messages.reason(cancel.reason)} It goes on waiting; /cancel it again."
