"""Pages: the longer answers that are not about one order. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Market
from trading.models import Order, Trader
from trading.order_state import OrderState
from trading.selectors import Balance, SystemStatus
from trading.telegram import messages
from trading.telegram.cards import Payload, text
from trading.telegram.menu import MENU
from vanta import clock
from vanta.money import format_number, format_percent, format_price, format_usd

PAGE_OF_MARKETS = 25
MAX_WANTED = 12  # its UTF-8 must fit a button's 64 bytes
_DOTS = {
    OrderState.FILLED: "✅",
    OrderState.DENIED: "⛔",
    OrderState.REJECTED: "⛔",
    OrderState.CANCELED: "✖️",
    OrderState.EXPIRED: "⌛",
    OrderState.UNKNOWN: "🔎",
    OrderState.DRAFT: "📝",
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


def help_page() -> Payload:
    lines = [
        "<b>Open</b>",
        messages.OPENING_EXAMPLE,
        "<code>/short BTC 250 5x sl=2% tp=58000</code>",
        "market · collateral in USDC (<code>100</code>, <code>1.5k</code>) · leverage",
        "<code>sl=</code> stop and <code>tp=</code> take-profit: a price (<code>2900</code>), "
        "a move of the price (<code>2%</code>) or an amount (<code>$50</code>)",
        "You get a preview first; nothing happens until you confirm it.",
        "",
        "<b>Close</b>",
        f"{messages.CLOSING_EXAMPLE}  or  <code>/close all</code>",
        "",
        "<b>All commands</b>",
        *(f"/{name}  {about}" for name, about in MENU.items()),
    ]
    return text("\n".join(lines))


def balance(account: Balance) -> Payload:
    lines = [
        f"💰 <b>Balance</b> · {account.mode}",
        "",
        f"Equity  <b>{format_usd(account.equity_usd)}</b> USDC",
        f"Free  {format_usd(account.free_usd - account.reserved_usd)} USDC",
        f"In positions  {format_usd(account.collateral_usd)} USDC  ({account.positions} open)",
        f"Unrealised PnL  {format_usd(account.unrealised_pnl_usd)} USDC, after closing costs",
    ]
    if account.reserved_usd:
        lines.append(f"Reserved by orders under way  {format_usd(account.reserved_usd)} USDC")
    return text("\n".join(lines), [("📊 Positions", "positions:")])


def markets(listed: Sequence[Market], wanted: str, page: int = 0) -> Payload:
    """One page of the markets whose symbol or group has `wanted` in it; buttons lead to the others."""
    wanted = wanted[:MAX_WANTED]
    chosen = [market for market in listed if wanted.upper() in f"{market.symbol} {market.group_name}".upper()]
    if not chosen:
        return text(f"🤔 No market matches {messages.quoted(wanted)}. /markets lists them all.")
    pages = -(-len(chosen) // PAGE_OF_MARKETS)
    page = min(max(page, 0), pages - 1)
    lines = [f"📈 <b>Markets</b>  {len(chosen)}" + (f" · page {page + 1} of {pages}" if pages > 1 else "")]
    group = None
    for market in chosen[page * PAGE_OF_MARKETS : (page + 1) * PAGE_OF_MARKETS]:
        if market.group_index != group:
            group = market.group_index
            lines += ["", f"<b>{escape(market.group_name or f'Group {group}')}</b>"]
        lines.append(_market_line(market))
    lines += ["", "<code>/markets forex</code> narrows the list, <code>/price ETH</code> shows a price."]
    turns = [("◀️ Back", page - 1), ("More ▶️", page + 1)]
    row = [(label, f"markets:{number}:{wanted}") for label, number in turns if 0 <= number < pages]
    return text("\n".join(lines), *([row] if row else []))


def _market_line(market: Market) -> str:
    name = market.symbol.removesuffix("/USD")
    leverage = format_number(market.max_leverage.normalize())
    closed = "" if market.is_open_at(clock.now()) else " · closed"
    return f"<code>{escape(name):<14}</code> up to {leverage}x{closed}"


def price(market: Market, mark: MarkPrice | NoConsensus, last: MarkPrice | None, now_ms: int) -> Payload:
    """The price with what it rests on; without consensus the last known one with its age."""
    lines = [f"💹 <b>{escape(market.symbol)}</b>"]
    if isinstance(mark, MarkPrice):
        lines += [
            f"<b>{format_price(mark.price)}</b>  ± {format_percent(mark.uncertainty, 3)}",
            f"{messages.age(now_ms - mark.as_of_ms)} old · from {', '.join(mark.sources)}",
        ]
    else:
        is_open = market.is_open_at(clock.from_ms(now_ms))
        lines.append(
            f"No price can be trusted right now: {mark.reason.replace('_', ' ')}."
            if is_open
            else messages.closed(market.next_open_at)
        )
        if last is not None:
            age = messages.age(now_ms - last.as_of_ms)
            use = " It may only close." if is_open else ""
            lines.append(f"Last known <b>{format_price(last.price)}</b>, {age} old.{use}")
    lines += [f"{escape(left_out.source)} left out: {left_out.reason.replace('_', ' ')}" for left_out in mark.excluded]
    return text("\n".join(lines))


def order_list(orders: Sequence[Order]) -> Payload:
    if not orders:
        return text(f"You have no orders yet. Open one: {messages.OPENING_EXAMPLE}")
    lines = ["🧾 <b>Your last orders</b> (times in UTC)", ""]
    for order in orders:
        dot = _DOTS.get(OrderState(order.state), "⏳")
        name = escape(order.market.symbol.removesuffix("/USD"))
        leverage = format_number(order.leverage.normalize())
        lines.append(
            f"{dot} #{order.pk} {order.kind} {order.side} {name} {format_usd(order.collateral_usd)} at {leverage}x "
            f"· {order.state.replace('_', ' ').lower()} · {order.created_at:%d %b %H:%M:%S}"
        )
    lines += ["", f"<code>/why {orders[0].pk}</code> shows everything that happened to one."]
    return text("\n".join(lines))


def status(now: SystemStatus) -> str:
    lines = [
        "🚦 <b>Status</b>",
        "",
        f"Trading  <b>{now.trading_state}</b>",
        f"Mode  {now.execution_mode} (system) · {now.trader_mode} (you)",
        f"Orders under way  {now.pending_orders}",
    ]
    if now.unknown_orders:
        lines.append(f"Being verified  {now.unknown_orders}")
    if not now.is_active:
        lines.append("An admin has disabled openings for you. Closing works.")
    return "\n".join(lines)
