"""The story of one order for /why: every event with its time, what was sent, what was checked. HTML of the Bot API."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from html import escape
from typing import Any

from trading.models import Attempt, Fill, Order, Receipt, ShadowFill
from trading.models.orders import CHANGES, K
from trading.order_state import PENDING, OrderState
from trading.selectors import OrderChain
from trading.telegram import change_cards, messages, resting_words
from vanta.money import format_number, format_percent, format_price, format_usd

MAX_MESSAGE = 4000


def _count(number: Decimal) -> str:
    return format_number(number.normalize())


def _whole(number: Decimal) -> str:
    return format_number(number.to_integral_value(ROUND_FLOOR))


def _leverage(number: Decimal) -> str:
    return f"{format_number(number.normalize())}x"


def _rate(number: Decimal) -> str:
    return format_percent(number, 3)


def _seconds(number: Decimal) -> str:
    return f"{number:.1f} s"


# What a check measures, its unit, and how the measured value relates to the limit when it passes.
_CHECKS: dict[str, tuple[str, Callable[[Decimal], str], str]] = {
    "too_many_positions": ("positions here", _count, "≤"),
    "price_stale": ("age of the price", _seconds, "≤"),
    "price_uncertain": ("uncertainty of the price", _rate, "≤"),
    "limit_wrong_side": ("limit price against the mark", format_price, "·"),
    "leverage": ("leverage", _leverage, "≤"),
    "min_notional": ("notional", format_usd, "≥"),
    "position_size": ("exposure here", format_usd, "≤"),
    "canary": ("notional with real money", format_usd, "≤"),
    "delegate_expires_soon": ("hours left for the wallet's permission", _count, "≥"),
    "headroom": ("notional, room at the venue", format_usd, "≤"),
    "margin": ("collateral and fee", format_usd, "≤"),
    "all_of_the_margin": ("withdrawn of the position's margin", format_usd, "<"),
    "allowance": ("USDC the wallet must allow", format_usd, "≤"),
    "account_risk": ("worst loss", format_usd, "≤"),
    "daily_loss": ("the day at its worst", format_usd, "≤"),
    "daily_loss_locked": ("lost today against the limit", format_usd, "·"),
    "cooldown": ("minutes since the last stop-out", _whole, "≥"),
    "drawdown_lock": ("below the recent high", _rate, "≤"),
    "market_lock": ("stop-outs here against the limit", _count, "·"),
    "spread_too_wide": ("spread", _rate, "≤"),
    "spread_loss": ("cost of the spread", _rate, "≤"),
    "liquidation_buffer": ("distance to liquidation", _rate, "≥"),
    "stop_wrong_side": ("stop against entry", format_price, "·"),
    "stop_beyond_liquidation": ("stop against liquidation", format_price, "·"),
    "stop_too_far": ("loss at the stop", _rate, "≤"),
    "stop_too_close": ("loss at the stop", _rate, "≥"),
    "take_profit_wrong_side": ("take-profit against entry", format_price, "·"),
    "take_profit_too_far": ("gain at the take-profit", _rate, "≤"),
    "opens_per_minute": ("openings in a minute", _count, "≤"),
    "trades_per_day": ("openings in 24 h", _count, "≤"),
    "hourly_volume": ("opened in an hour", format_usd, "≤"),
    "daily_volume": ("opened in 24 h", format_usd, "≤"),
}
# Checks that measure nothing: what they ask about.
_PLAIN = {
    "trading_state": "trading state",
    "market_not_listed": "listing",
    "market_close_only": "openings taken",
    "market_closed": "hours",
    "previous_order_unresolved": "earlier orders",
    "order_under_way": "other orders of the position",
    "price_unavailable": "price",
    "no_limit_orders": "limit orders taken",
    "cooldown": "stop-outs lately",
    "live_switched_off": "LIVE",
    "no_delegate": "permission of the wallet",
    "live_not_confirmed": "real money confirmed",
    "books_disputed": "the venue's books",
    "chain_disagrees": "the chain's word",
    "venue_refuses": "the venue's taking orders",
    "rate_limits_unavailable": "what was opened lately",
}


def why(chain: OrderChain) -> str:
    """The whole chain of one order with times, within Telegram's length."""
    order = chain.order
    name = escape(order.market.symbol.removesuffix("/USD"))
    lines = [
        f"🔎 <b>Order #{order.pk}</b>  {order.kind.replace('_', ' ')} {order.side} {name} · {order.mode}",
        f"{format_usd(order.collateral_usd)} USDC at {format_number(order.leverage.normalize())}x",
        *resting_words.wish(order),
        f"trace <code>{order.trace_id}</code>",
        *([f"update <code>{order.update_id}</code>"] if order.update_id else []),
        "",
        "<b>What happened</b> (UTC)",
    ]
    begin = order.created_at
    lines += [f"{_offset(begin, event.at)}  <b>{event.to_state}</b>" for event in chain.events]
    if order.reason:
        lines.append(_end(order))
    if held := resting_words.held_usd(order):
        lines.append(f"The venue {'holds' if order.state == 'RESTING' else 'held'} {format_usd(held)} USDC for it")
    if chain.intent is not None:
        lines += ["", f"<b>Sent</b>  nonce <code>{escape(chain.intent.nonce)}</code>"]
        lines += [f"{_offset(begin, a.started_at)}  {_attempt(a)} {_answer(a)}" for a in chain.attempts]
        lines += [f"{_offset(begin, e.received_at)}  {escape(e.kind)}" for e in chain.venue_events]
    for fill in chain.fills:
        lines += [
            "",
            f"<b>Filled</b> at {format_price(fill.price)} · fee {format_usd(fill.fee_usd)} "
            f"· <code>{escape(fill.venue_fill_id)}</code>",
            *_shadow(fill),
            *_on_chain(fill),
        ]
    lines += _changed(order)
    lines += _checks(order.decision)
    sent = [row for row in chain.messages if row.telegram_message_id]
    if sent:
        lines += ["", f"<b>Told you</b>  {_times(len(sent))}, last {_offset(begin, sent[-1].sent_at or begin)}"]
    return _within_length(lines)


def _attempt(attempt: Attempt) -> str:
    """What was sent: the order's message, or the one that makes it unusable."""
    return f"attempt {attempt.number}" + (" to make it unusable" if Attempt.VOID in attempt.detail else "")


def _changed(order: Order) -> list[str]:
    """What an order wished to change of its position, and in the end has changed."""
    if order.kind in CHANGES and order.state == OrderState.FILLED:
        return ["", *change_cards.lines(order)]
    wish = change_cards.wish(order)
    return ["", "<b>Wanted</b>", *wish] if wish else []


def _answer(attempt: Attempt) -> str:
    """How an attempt ended, under which tracking id."""
    status = f" HTTP {attempt.http_status}" if attempt.http_status else ""
    tracked = f" <code>{escape(attempt.tracking_id)}</code>" if attempt.tracking_id else ""
    return f"{attempt.outcome or 'open'}{status}{tracked}"


def _shadow(fill: Fill) -> list[str]:
    """What the paper venue would have done at the same moment."""
    shadow = ShadowFill.objects.filter(fill=fill).first()
    if shadow is None:
        return []
    word = "worse" if shadow.gap_rate >= 0 else "better"
    return [f"on paper {format_price(shadow.price)}: the venue was {format_percent(abs(shadow.gap_rate), 3)} {word}"]


def _on_chain(fill: Fill) -> list[str]:
    """What the chain's node says of the transaction that the venue named."""
    receipt = Receipt.objects.filter(fill=fill).first()
    if receipt is None:
        return []
    name = f"<code>{escape(receipt.transaction_hash)}</code>"
    if not receipt.outcome:
        return [f"on the chain: not seen yet {name}"]
    place = f" in block {receipt.block_number}" if receipt.block_number else ""
    mark = "✓" if receipt.outcome == Receipt.Outcome.OK else "✗"
    accepted = ", accepted by an admin" if receipt.accepted_at else ""
    return [f"on the chain: {mark} {receipt.get_outcome_display()}{place}{accepted} {name}"]


def _end(order: Order) -> str:
    """A cancel that is done bears the reason of the order that it ended."""
    if order.kind == K.CANCEL and order.state in (OrderState.FILLED, *PENDING):
        return resting_words.taken_back(order)
    return resting_words.end(order) if order.state == OrderState.CANCELED else _reason(order.state, order.reason)


def _reason(state: str, reason: str) -> str:
    """A denied order's reasons are in its checks."""
    return f"because of {escape(reason.replace('_', ' '))}" if state == "DENIED" else messages.reason(reason)


def _within_length(lines: Sequence[str]) -> str:
    """Whole lines only, so that no tag is left open."""
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > MAX_MESSAGE:
            return "\n".join([*kept, "…"])
        kept.append(line)
    return "\n".join(kept)


def _offset(begin: dt.datetime, at: dt.datetime) -> str:
    milliseconds = round((at - begin).total_seconds() * 1000)
    return f"<code>{at:%H:%M:%S} +{milliseconds} ms</code>"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _checks(decision: Mapping[str, Any]) -> list[str]:
    """Failed checks first, then those with numbers, then the rest in one line."""
    checks = decision.get("checks", [])
    if not checks:
        return []
    failed = [check for check in checks if not check["passed"]]
    measured = [check for check in checks if check["passed"] and "measured" in check and "limit" in check]
    others = [_plain(check["code"]) for check in checks if check["passed"] and check not in measured]
    lines = ["", "<b>Checks</b>", *(f"✗ {_check(check)}" for check in failed), *(f"✓ {_check(c)}" for c in measured)]
    if others:
        lines.append(f"✓ {escape(', '.join(others))}: nothing against it")
    quote = decision.get("price")
    if quote:
        lines.append(f"mark {format_price(Decimal(quote['mark']))} from {escape(', '.join(quote['sources']))}")
    return lines


def _plain(code: str) -> str:
    return _PLAIN.get(code, code.replace("_", " "))


def _check(check: Mapping[str, Any]) -> str:
    code = str(check["code"])
    label, shown, relation = _CHECKS.get(code, (_plain(code), _count, "·"))
    if code == "liquidation_buffer" and check.get("detail") == "stop":
        label = "distance of the stop to liquidation"
    name = f"{escape(code)}: {label}" if not check["passed"] else label
    if "measured" not in check or "limit" not in check:
        return name
    relation = relation if check["passed"] or relation == "·" else {"≤": "&gt;", "≥": "&lt;"}[relation]
    return f"{name}  {shown(Decimal(check['measured']))} {relation} {shown(Decimal(check['limit']))}"
