"""Orders that wait for their price, listed with buttons to take them back. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from feeds.models import Market
from trading.models import Order
from trading.order_state import OrderState
from trading.telegram import pages, resting_words
from trading.telegram.cards import Payload, heading, text
from trading.telegram.resting_words import VERB
from trading.valuation import Prices
from vanta.money import format_percent, format_price, format_usd

MAX_LISTED = 10
Row = list[tuple[str, str]]


def over(order: Order) -> Payload:
    """What becomes of the message that said that an order waits, when there is news of it."""
    end = "✅ Filled" if order.state == OrderState.FILLED else "✖️ Taken back"
    return text(f"{end}  ·  order #{order.pk}\n{heading(order)}\n\n<i>The message below says more.</i>")


def order_list(recent: Sequence[Order], resting: Sequence[Order], prices: Prices) -> Payload:
    """What waits first, each with a button; then the last orders."""
    history = pages.order_list([order for order in recent if order.state != OrderState.RESTING or not resting])
    if not resting:
        return history
    lines = _listed(resting, prices)
    body = "\n".join([*lines, "", history["text"]] if len(recent) else lines)
    return text(body, *_buttons(resting))


def resting_list(resting: Sequence[Order], prices: Prices) -> Payload:
    """What waits, each with a button to take it back."""
    return text("\n".join([*_listed(resting, prices), "", "Tap one to take it back."]), *_buttons(resting))


def _listed(resting: Sequence[Order], prices: Prices) -> list[str]:
    lines = [f"⏳ <b>Waiting for their price</b>  ({len(resting)})", ""]
    for order in resting[:MAX_LISTED]:
        lines += [f"{heading(order)}  ·  #{order.pk}", f"   {_terms(order, prices.get(order.market.symbol))}"]
    if len(resting) > MAX_LISTED:
        lines.append(f"… and {len(resting) - MAX_LISTED} more: write their number, or take back all.")
    return lines


def _terms(order: Order, mark: Decimal | None) -> str:
    """`limit 2,900.00 · 3.33 % away · 100.00 USDC held`."""
    parts = [resting_words.name(order)]
    if mark and order.limit_price is not None:
        parts.append(f"{format_percent(abs(mark - order.limit_price) / mark)} away")
    parts.append(f"{format_usd(resting_words.held_usd(order))} USDC held")
    if resting_words.is_being_canceled(order):
        parts.append("being taken back")
    return " · ".join(parts)


def _buttons(resting: Sequence[Order]) -> list[Row]:
    free = [order for order in resting if not resting_words.is_being_canceled(order)]
    rows: list[Row] = [[(_label(order), f"{VERB}:list:{order.pk}")] for order in free[:MAX_LISTED]]
    return [*rows, [(f"✖️ Cancel all {len(free)}", f"{VERB}:all")]] if len(free) > 1 else rows


def _label(order: Order) -> str:
    symbol = order.market.symbol.removesuffix("/USD")
    return f"✖️ #{order.pk} {order.side.upper()} {symbol} @ {format_price(order.limit_price or Decimal(0))}"


def being_taken_back(orders: Sequence[Order]) -> Payload:
    """The answer to a cancel of several: each one's own card will say when it is done."""
    names = ", ".join(f"#{order.pk}" for order in orders)
    return text(f"✖️ Taking back {len(orders)} orders: {names}. Their cards say when it is done.")


def left_alone(resting: Sequence[Order], market: Market) -> Payload:
    """What closing a market's positions has left there."""
    symbol = escape(market.symbol.removesuffix("/USD"))
    prices = ", ".join(f"#{order.pk} at {format_price(order.limit_price or Decimal(0))}" for order in resting)
    noun = "order still waits" if len(resting) == 1 else "orders still wait"
    label = "✖️ Cancel it" if len(resting) == 1 else f"✖️ Cancel all {len(resting)}"
    body = f"⏳ {len(resting)} {noun} in {symbol} and may open a position: {prices}."
    return text(body, [(label, f"{VERB}:market:{market.pk}")])
