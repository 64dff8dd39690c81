"""Pages: the longer answers that are not about one order. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from trading.models import Order, Trader
from trading.models.orders import MARGIN, K
from trading.order_state import OrderState
from trading.selectors import Balance, SystemStatus
from trading.telegram import messages, resting_words
from trading.telegram.cards import Payload, text
from trading.telegram.menu import ADMIN_MENU, MENU
from trading.telegram.time_words import moment
from vanta.money import format_number, format_price, format_usd

_DOTS = {
    OrderState.FILLED: "✅",
    OrderState.DENIED: "⛔",
    OrderState.REJECTED: "⛔",
    OrderState.CANCELED: "✖️",
    OrderState.EXPIRED: "⌛",
    OrderState.UNKNOWN: "🔎",
    OrderState.DRAFT: "📝",
    OrderState.RESTING: "⏳",
}


def welcome(trader: Trader, free_usd: Decimal) -> Payload:
    body = (
        f"👋 Welcome to <b>Vanta</b>, {escape(str(trader))}.\n\n"
        f"You trade perpetuals on paper (DRY) with <b>{format_usd(free_usd)}</b> USDC. "
        "Every order is previewed, checked for risk, and confirmed by you.\n\n"
        f"Try {messages.OPENING_EXAMPLE}\n"
        "100 USDC of collateral, 10x leverage, a stop at 2,900.\n\n/help shows the rest."
    )
    return text(body, [("📊 Positions", "positions:")])


def help_page(*, is_admin: bool = False) -> Payload:
    lines = [
        "<b>Open</b>",
        messages.OPENING_EXAMPLE,
        "<code>/short BTC 250 5x sl=2% tp=58000</code>",
        "market · collateral in USDC (<code>100</code>, <code>1.5k</code>) · leverage",
        "<code>sl=</code> stop and <code>tp=</code> take-profit: a price (<code>2900</code>), "
        "a move of the price (<code>2%</code>) or an amount (<code>$50</code>)",
        "You get a preview first; nothing happens until you confirm it.",
        "",
        "<b>Open at a price</b>",
        messages.LIMIT_EXAMPLE,
        "<code>@2900</code> buys below the mark, sells above it; <code>stop@3100</code> the other way round: "
        "it buys when the price rises to 3,100. It waits until you /cancel it.",
        "",
        "<b>Add to a position</b>",
        f"{messages.INCREASE_EXAMPLE}  or  <code>/increase #12 50 5x</code>",
        "at its own leverage where none is given; its stop and take-profit stay",
        "",
        "<b>Close</b>",
        f"{messages.CLOSING_EXAMPLE}  or  <code>/close all</code>",
        "/panic stops your entries at once, and then closes everything by one tap.",
        "",
        "<b>Stop and take-profit of a position</b>",
        "<code>/sl ETH 2900</code>  <code>/tp #12 5%</code>  <code>/sl ETH off</code>",
        "<code>2%</code> and <code>$50</code> count from the entry; a number picks one of several positions.",
        "",
        "<b>All commands</b>",
        *(f"/{name}  {about}" for name, about in MENU.items()),
    ]
    if is_admin:
        lines += ["", "<b>For admins</b>", *(f"/{name}  {about}" for name, about in ADMIN_MENU.items())]
    return text("\n".join(lines))


def balance(account: Balance) -> Payload:
    lines = [
        f"💰 <b>Balance</b> · {account.mode}",
        "",
        f"Equity  <b>{format_usd(account.equity_usd)}</b> USDC",
        f"Free  {format_usd(account.free_usd - account.reserved_usd)} USDC",
        f"In positions  {format_usd(account.collateral_usd - account.escrow_usd)} USDC  ({account.positions} open)",
        f"Unrealised PnL  {format_usd(account.unrealised_pnl_usd)} USDC, after closing costs",
    ]
    if account.escrow_usd:
        lines.append(f"Held for orders that wait  {format_usd(account.escrow_usd)} USDC  (/orders)")
    if account.reserved_usd:
        lines.append(f"Reserved by orders under way  {format_usd(account.reserved_usd)} USDC")
    return text("\n".join(lines), [("📊 Positions", "positions:")])


def order_list(orders: Sequence[Order]) -> Payload:
    if not orders:
        return text(f"You have no orders yet. Open one: {messages.OPENING_EXAMPLE}")
    lines = ["🧾 <b>Your last orders</b> (times in UTC)", ""]
    for order in orders:
        dot = _DOTS.get(OrderState(order.state), "⏳")
        name = escape(order.market.symbol.removesuffix("/USD"))
        kind = order.kind.replace("_", " ")
        lines.append(
            f"{dot} #{order.pk} {kind} {order.side} {name} {_wanted(order)} "
            f"· {order.state.replace('_', ' ').lower()} · {order.created_at:%d %b %H:%M:%S}"
        )
    lines += ["", f"<code>/why {orders[0].pk}</code> shows everything that happened to one."]
    return text("\n".join(lines))


def _wanted(order: Order) -> str:
    """`100.00 at 10x`; of stops the levels, of margin the amount."""
    if order.kind == K.STOPS:
        stop, profit = (format_price(level) if level else "none" for level in (order.stop_loss, order.take_profit))
        return f"sl {stop} tp {profit}"
    if order.kind in MARGIN:
        return format_usd(order.collateral_usd)
    if order.kind == K.CANCEL:
        return f"of #{order.cancels_id}"
    waits_for = f", {resting_words.name(order)}" if order.rests else ""
    return f"{format_usd(order.collateral_usd)} at {format_number(order.leverage.normalize())}x{waits_for}"


def status(now: SystemStatus) -> str:
    lines = [
        "🚦 <b>Status</b>",
        "",
        f"Trading  <b>{now.trading_state}</b>",
        f"Mode  {now.execution_mode} (system) · {now.trader_mode} (you)",
        f"Orders under way  {now.pending_orders}",
    ]
    if now.resting_orders:
        lines.append(f"Waiting for their price  {now.resting_orders}  (/orders)")
    if now.unknown_orders:
        lines.append(f"Being verified  {now.unknown_orders}")
    if now.stopped_since:
        lines.append(
            f"You stopped your entries at {moment(now.stopped_since)}. Closing works; /panic shows what is open."
        )
    if not now.is_active:
        lines.append("An admin has disabled openings for you. Closing works.")
    return "\n".join(lines)
