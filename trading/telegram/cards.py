"""Cards: what an order, a position, a balance look like in the chat, with their buttons. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

from risk import margin
from risk.margin import Side
from trading.evaluation import STOPPED_OUT
from trading.models import Fill, Order, Position
from trading.models.orders import CHANGES, K
from trading.order_state import OrderState
from trading.protection_usage import protection_usage
from trading.selectors import closings_of
from trading.telegram import (
    change_cards,
    denial_words,
    increase_cards,
    messages,
    preview_words,
    protection_words,
    resting_words,
)
from vanta import clock
from vanta.money import ONE, format_number, format_percent, format_price, format_usd

Payload = dict[str, Any]
_ICONS = {
    OrderState.FILLED: "✅ <b>Filled</b>",
    OrderState.DENIED: "⛔ <b>Denied</b>",
    OrderState.REJECTED: "⛔ <b>Rejected by the venue</b>",
    OrderState.CANCELED: "✖️ <b>Canceled</b>",
    OrderState.EXPIRED: "⌛ <b>Expired</b>",
    OrderState.UNKNOWN: "🔎 <b>Being verified</b>",
    OrderState.RESTING: "⏳ <b>Waiting for its price</b>",
}


def text(body: str, *rows: Sequence[tuple[str, str]]) -> Payload:
    """A message with rows of (label, data) buttons."""
    payload: Payload = {"text": body, "parse_mode": "HTML"}
    if rows:
        payload["reply_markup"] = {
            "inline_keyboard": [[{"text": label, "callback_data": data} for label, data in row] for row in rows]
        }
    return payload


def with_banner(payload: Payload, banner: str) -> Payload:
    """The same message under the line that says how trading stands; unchanged where there is nothing to say."""
    return {**payload, "text": f"{banner}\n\n{payload['text']}"} if banner else payload


def heading(order: Order | Position) -> str:
    """`🟢 LONG ETH 10x · DRY`, in bold."""
    arrow = "🟢" if order.side == Side.LONG else "🔴"
    leverage = format_number(order.leverage.normalize())
    return f"{arrow} <b>{order.side.upper()} {_name(order.market.symbol)} {leverage}x</b> · {order.mode}"


def _name(symbol: str) -> str:
    return escape(symbol.removesuffix("/USD"))


def preview(order: Order) -> Payload:
    """The card to confirm: what it costs, where it dies, what it can lose."""
    if order.kind == K.INCREASE:
        lines = [heading(order), "", *increase_cards.preview(order), *preview_words.share_of_the_day(order)]
        return _to_confirm(order, lines)
    market, side = order.market, Side(order.side)
    notional, price = order.collateral_usd * order.leverage, order.limit_price or order.quoted_price
    entry = margin.fill_price_with_spread(side=side, price=price, spread_rate=market.spread_rate)
    liquidation = margin.liquidation_price(
        side=side, entry_price=entry, collateral_usd=order.collateral_usd, notional_usd=notional
    )
    distance = abs(price - liquidation) / price
    lines = [
        heading(order),
        "",
        *resting_words.preview(order),
        f"Collateral  <b>{format_usd(order.collateral_usd)}</b> USDC",
        f"Notional  {format_usd(notional)} USDC",
        f"Entry  ≈ <b>{format_price(entry)}</b>  ({resting_words.basis(order)}, "
        f"spread {format_percent(market.spread_rate, 3)})",
        preview_words.fees(order, notional),
        f"Liquidation  <b>{format_price(liquidation)}</b>  ({format_percent(distance)} away)",
        f"   ↳ {preview_words.typical_time(distance, market.volatility_per_sqrt_s)} of this market's usual movement",
        _stop(order),
        *preview_words.share_of_the_day(order),
    ]
    if order.take_profit is not None:
        lines.append(f"Take-profit  {format_price(order.take_profit)}")
    return _to_confirm(order, lines)


def _to_confirm(order: Order, lines: list[str]) -> Payload:
    seconds = max(0, round((order.valid_until - clock.now()).total_seconds()))
    lines += ["", f"<i>Order #{order.pk} · valid {seconds} s</i>"]
    # A yes counts for the quote that it was given to: an older card's button says an older number.
    quote = f":{order.quote_number}" if order.quote_number > 1 else ""
    return text("\n".join(lines), [("✅ Confirm", f"confirm:{order.pk}{quote}"), ("✖️ Cancel", f"cancel:{order.pk}")])


def real_money(order: Order) -> Payload:
    """The second question about a LIVE draft, with a button that is another than the first."""
    notional = order.collateral_usd * order.leverage
    lines = [
        "⚠️ <b>Real money</b>",
        heading(order),
        "",
        f"<b>{format_usd(order.collateral_usd)}</b> USDC of your wallet, {format_usd(notional)} of notional.",
        *resting_words.wish(order),
        increase_cards.loss(order) if order.kind == K.INCREASE else _stop(order),
        "",
        "Send it to the venue?",
    ]
    argument = f"{order.pk}:{order.quote_number}"
    return text("\n".join(lines), [("💵 Yes, real money", f"live:{argument}")], [("✖️ Cancel", f"cancel:{order.pk}")])


def _stop(order: Order) -> str:
    if order.stop_loss is None:
        return f"Stop  none: you can lose all of it, <b>{format_usd(order.collateral_usd)}</b> USDC"
    loss = f"you lose ≈ <b>{format_usd(order.worst_loss_usd)}</b> USDC, more if the price jumps past it"
    return f"Stop  {format_price(order.stop_loss)}  → {loss}"


def order_card(order: Order) -> Payload:
    """The card of an order as it stands now."""
    state = OrderState(order.state)
    if state == OrderState.DRAFT:
        return preview(order)
    if order.kind == K.CANCEL and state in (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED):
        return text(resting_words.cancel_came_to(order))
    if state == OrderState.FILLED:
        return _filled(order)
    head = _ICONS.get(state, "⏳ <b>On its way</b>")
    wish = [*change_cards.wish(order), *(resting_words.wish(order) if state != OrderState.RESTING else ())]
    lines = [f"{head}  ·  order #{order.pk}", heading(order), "", *wish, *([""] if wish else [])]
    if state == OrderState.DENIED:
        lines += [denial_words.denials(order.decision, order.reason), *change_cards.what_would_pass(order)]
    elif state == OrderState.UNKNOWN:
        lines.append("The venue's answer got lost. Vanta is finding out what happened and will tell you here.")
    elif state == OrderState.RESTING:
        lines += resting_words.resting(order)
    elif order.reason:
        lines.append(resting_words.end(order) if order.rests else messages.reason(order.reason))
    return text("\n".join(lines), *_denied_buttons(order), *resting_words.buttons(order))


def _denied_buttons(order: Order) -> list[list[tuple[str, str]]]:
    """Where the venue offers the wanted leverage on the Upside pair, a button for it."""
    if order.state != OrderState.DENIED or order.kind != K.OPEN:
        return []
    others = [
        d["detail"] for d in order.decision.get("denials", []) if d["code"] == "leverage" and "/" in d.get("detail", "")
    ]
    return [[(f"Preview on {other.removesuffix('/USD')}", f"upside:{order.pk}")] for other in others[:1]]


def _changed(order: Order) -> Payload:
    head, *rows = change_cards.lines(order)
    buttons = position_buttons(order.position) if order.position else []
    return text("\n".join([head, heading(order), "", *rows]), *buttons)


def _filled(order: Order) -> Payload:
    if order.kind in CHANGES:
        return _changed(order)
    fill = order.fills.order_by("-at").first()
    position = order.position
    if fill is None or position is None:
        return text(f"{_ICONS[OrderState.FILLED]}  ·  order #{order.pk}")
    if order.kind == Order.Kind.CLOSE:
        return _closed(order, fill, position)
    if order.kind == K.INCREASE:
        head, *rows = increase_cards.filled(order, fill, position)
        return text("\n".join([head, heading(order), "", *rows]), *position_buttons(position))
    lines = [
        f"{_ICONS[OrderState.FILLED]}  ·  order #{order.pk}",
        heading(order),
        "",
        f"Entry  <b>{format_price(fill.price)}</b>{_reached(order)}",
        f"Collateral  {format_usd(fill.collateral_usd)} USDC · notional {format_usd(fill.notional_usd)}",
        f"Fee  {format_usd(fill.fee_usd)} USDC",
        _liquidation(position, fill.price),
    ]
    if position.stop_loss is not None:
        lines.append(f"Stop  {format_price(position.stop_loss)}")
    if position.take_profit is not None:
        lines.append(f"Take-profit  {format_price(position.take_profit)}")
    if order.reason == "opened_elsewhere":
        lines.append("<i>You opened it outside Vanta. It is in your positions from now on.</i>")
    return text("\n".join(lines), *position_buttons(position))


def _reached(order: Order) -> str:
    return f"  ({resting_words.name(order)})" if order.rests else ""


def _closed(order: Order, fill: Fill, position: Position) -> Payload:
    net = fill.pnl_usd - fill.fee_usd - fill.accrued_usd
    sign = "🟩 +" if net >= 0 else "🟥 "
    whole = fill.left_usd <= 0
    head = {
        "liquidation": "💥 <b>Liquidated</b>",
        "stop_loss": "🛑 <b>Stopped out</b>",
        "take_profit": "🎯 <b>Take-profit</b>",
        "panic": "🧨 <b>Closed by /panic</b>",
        "closed_elsewhere": "✅ <b>Closed outside Vanta</b>",
        "liquidation_buffer": "🛟 <b>Halved close to liquidation</b>",
    }
    lines = [
        f"{head.get(order.reason, '✅ <b>Closed</b>' if whole else '✅ <b>Partly closed</b>')}  ·  order #{order.pk}",
        heading(order),
        "",
        f"Exit  <b>{format_price(fill.price)}</b>  (entry {format_price(position.entry_price)})",
        *messages.price_basis(_fill_detail(order)),
        f"PnL  {sign}<b>{format_usd(net)}</b> USDC  ({format_percent(net / fill.collateral_usd)} of the collateral)",
        f"Fee  {format_usd(fill.fee_usd)} · rollover and funding {format_usd(fill.accrued_usd)}",
    ]
    lines += _locks(order)
    if not whole:
        lines.append(f"Still open  {format_usd(fill.left_usd)} USDC of collateral")
    return text("\n".join(lines), *(position_buttons(position) if not whole else []))


def _locks(order: Order) -> list[str]:
    """The news of a stop-out is also the news of what it locks."""
    usage = protection_usage(order.trader, order.mode) if order.reason in STOPPED_OUT else None
    held = protection_words.locks(usage) if usage else []
    return ["", *held] if held else []


def _fill_detail(order: Order) -> dict[str, Any]:
    event = order.events.filter(to_state=OrderState.FILLED).first()
    return dict(event.detail) if event else {}


def position_buttons(position: Position) -> list[list[tuple[str, str]]]:
    if position.status != Position.Status.OPEN:
        return []
    # A tap counts for the position as this card shows it: the next closing makes these buttons old.
    seen = closings_of(position)
    shares = [("Close 25%", "25"), ("50%", "50"), ("All", "100")]
    chart = [("📈 Chart", f"chart:{position.market_id}")]
    return [[(label, f"close:{position.pk}:{share}:{seen}") for label, share in shares], chart]


def _liquidation(position: Position, price: Decimal | None) -> str:
    """Where the position dies, and how far that is from `price`."""
    line = f"Liquidation  <b>{format_price(position.liquidation_price)}</b>"
    return f"{line}  ({format_percent(abs(ONE - position.liquidation_price / price))} away)" if price else line


def position_card(position: Position, mark: Decimal | None, pnl: Decimal, *, last_known: str = "") -> Payload:
    """One open position at its mark; `last_known` says how old a mark is that nobody vouches for any more."""
    old = f"  (last known, {last_known} old)" if mark and last_known else ""
    sign = "🟩 +" if pnl >= 0 else "🟥 "
    lines = [
        f"{heading(position)}  ·  #{position.pk}",
        f"PnL  {sign}<b>{format_usd(pnl)}</b> USDC  ({format_percent(pnl / position.collateral_usd)})",
        f"Entry  {format_price(position.entry_price)} → mark {format_price(mark) if mark else '—'}{old}",
        f"Collateral  {format_usd(position.collateral_usd)} · notional {format_usd(position.notional_usd)} USDC",
    ]
    lines.append(_liquidation(position, mark))
    if position.stop_loss is not None:
        lines.append(f"Stop  {format_price(position.stop_loss)}")
    if position.take_profit is not None:
        lines.append(f"Take-profit  {format_price(position.take_profit)}")
    return text("\n".join(lines), *position_buttons(position))
