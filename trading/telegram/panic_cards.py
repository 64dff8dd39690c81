"""What a trader's emergency stop looks like: one message, which is edited as it goes on. HTML of the Bot API."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from feeds import selectors as feeds
from risk import trading_state
from trading import valuation
from trading.models import Order, Panic
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.services.panic_progress import Progress, Standing, Step, progress
from trading.telegram import messages, resting_words
from trading.telegram.cards import Payload, heading, text, with_banner
from trading.telegram.time_words import moment
from trading.valuation import Prices
from vanta.money import ZERO, format_number, format_usd

VERB = "panic"
MOST_SHOWN = 10
BAR = 10
NOT_STOPPED = "Your entries are not stopped. /panic stops them at once."
_WAITS = {
    Step.DUE: "⏳ about to be closed",
    Step.CLOSING: "⏳ closing",
    Step.HALTED: "⏸ waits for the end of the halt, and is closed then",
}


def call(chat_id: int, payload: Mapping[str, Any]) -> tuple[str, Payload]:
    """The Bot API call that shows a panic as it stands: in its message, or in a new one where it has none."""
    panic = Panic.objects.get(pk=payload["panic"])
    shown = with_banner(card(panic), messages.banner(trading_state.current()))
    if panic.message_id is None:
        return "sendMessage", {"chat_id": chat_id, **shown}
    return "editMessageText", {"chat_id": chat_id, "message_id": panic.message_id, **shown}


def card(panic: Panic) -> Payload:
    """The message as it stands now."""
    now = progress(panic)
    if panic.ended_at is not None:
        return text("\n".join(_ended(panic, now)))
    resume = [("▶️ Resume trading", f"{VERB}:ask:{panic.pk}")]
    if panic.closing_at is None:
        close = [[("🧨 Close everything", f"{VERB}:close:{panic.pk}")]] if not now.is_done else []
        return text("\n".join(_stopped(now)), *close, resume)
    again = [[("🔁 Try again", f"{VERB}:close:{panic.pk}")]] if now.failed else []
    return text("\n".join(_closing(now)), *again, resume)


def asked_to_resume(panic: Panic) -> Payload:
    """The question before openings work again, with what that means for what is still to be closed."""
    lines = ["▶️ <b>Resume trading?</b>", "", "You can open positions again."]
    left = len(progress(panic).open)
    if panic.closing_at is not None and panic.done_at is None and left:
        lines.append(f"⚠️ {_positions(left)} still open. What has no closing on its way stays open.")
    yes, no = ("▶️ Yes, resume", f"{VERB}:resume:{panic.pk}"), ("🛑 Stay stopped", f"{VERB}:stay:{panic.pk}")
    return text("\n".join(lines), [yes], [no])


def _stopped(now: Progress) -> list[str]:
    lines = ["🛑 <b>Your entries are stopped.</b>", "Nothing of yours opens until you resume. Closing works.", ""]
    lines += _held(now.open) if now.open else ["You have no open positions."]
    if now.canceled:
        lines += ["", f"✖️ Stopped before it left: {_numbers(now.canceled)}"]
    return [*lines, *_unresolved(now.unresolved, is_closing=False)]


def _held(held: Sequence[Standing]) -> list[str]:
    """What is open, with its PnL at the mark, or the last one that was known."""
    prices = _prices(held)
    pnls = {each.position.pk: _pnl(each, prices) for each in held}
    known = [pnl for pnl in pnls.values() if pnl is not None]
    lines = [f"<b>{_positions(len(held))} open</b>"]
    for each in held[:MOST_SHOWN]:
        pnl = pnls[each.position.pk]
        lines.append(f"{_name(each)}  {_signed(pnl) if pnl is not None else '—'}")
    lines += _more(len(held))
    if len(held) > 1 and len({each.position.mode for each in held}) == 1:
        lines.append(f"Together  {_signed(sum(known, ZERO))} USDC")
    return lines


def _prices(held: Sequence[Standing]) -> Prices:
    symbols = sorted({each.position.market.symbol for each in held})
    return valuation.known_prices(feeds.mark_prices(symbols), symbols) if symbols else {}


def _pnl(each: Standing, prices: Prices) -> Decimal | None:
    price = prices.get(each.position.market.symbol)
    return valuation.position_pnl(each.position, price) if price else None


def _closing(now: Progress) -> list[str]:
    if now.is_done:
        if not now.total:
            return ["✅ <b>Nothing is open.</b>", "Your entries stay stopped until you resume."]
        lines = [f"✅ <b>Everything is closed.</b>  {now.closed} of {now.total}", *_realised(now)]
        return [*lines, "", "Your entries stay stopped until you resume."]
    lines = [f"🧨 <b>Closing everything</b>  {now.closed} of {now.total} closed", _bar(now), ""]
    lines += [f"{_name(each)}\n   ↳ {_why_open(each)}" for each in now.open[:MOST_SHOWN]]
    lines += [*_more(len(now.open)), *_unresolved(now.unresolved, is_closing=True), *_realised(now)]
    if now.failed:
        lines += ["", f"⚠️ {_positions(now.failed)} could not be closed. Try again, or /close one by its number."]
    return lines


def _why_open(each: Standing) -> str:
    if each.step == Step.MARKET_CLOSED:
        return f"⏸ {messages.closed(each.opens_at)} It is closed when it opens."
    if each.step == Step.AGAIN:
        return f"⏳ tried again in a moment. {messages.reason(each.reason)}"
    if each.step == Step.FAILED:
        return f"⛔ {messages.reason(each.reason)}"
    return _WAITS[each.step]


def _unresolved(orders: Sequence[Order], *, is_closing: bool) -> list[str]:
    """Openings that may still become positions."""
    if not orders:
        return []
    lines = ["", "<b>May still open</b>"]
    for order in orders[:MOST_SHOWN]:
        size = f"{format_usd(order.collateral_usd)} at {format_number(order.leverage.normalize())}x"
        name = f"#{order.pk} {order.side.upper()} {_symbol(order)} {size}"
        rests = order.state == OrderState.RESTING
        lines.append(f"{name}: {f'{resting_words.name(order)}, being taken back' if rests else 'on its way'}")
    lines += _more(len(orders))
    lines.append("What opens of it is closed at once." if is_closing else "You are told here what comes of it.")
    return lines


def _realised(now: Progress) -> list[str]:
    """DRY and LIVE are separate accounts."""
    if not now.pnl_usd:
        return []
    named = {Mode.LIVE.value: " LIVE", Mode.DRY.value: " on paper"} if len(now.pnl_usd) > 1 else {}
    word = "PnL" if now.is_done else "PnL so far"
    return ["", *(f"{word}  {_signed(pnl)} USDC{named.get(mode, '')}" for mode, pnl in now.pnl_usd.items())]


def _ended(panic: Panic, now: Progress) -> list[str]:
    at = f" at {moment(panic.ended_at)}" if panic.ended_at else ""
    left = f"{_positions(len(now.open))} open: /positions." if now.open else "Nothing is open."
    return [f"▶️ <b>You resumed{at}.</b>", f"You can open positions again. {left}"]


def _bar(now: Progress) -> str:
    filled = BAR * now.closed // now.total if now.total else 0
    return "▰" * filled + "▱" * (BAR - filled)


def _name(each: Standing) -> str:
    return f"{heading(each.position)}  #{each.position.pk}"


def _symbol(order: Order) -> str:
    return escape(order.market.symbol.removesuffix("/USD"))


def _signed(pnl: Decimal) -> str:
    return f"{'🟩 +' if pnl >= 0 else '🟥 '}<b>{format_usd(pnl)}</b>"


def _positions(count: int) -> str:
    return "1 position" if count == 1 else f"{count} positions"


def _numbers(order_ids: Sequence[int]) -> str:
    return ", ".join(f"#{order_id}" for order_id in order_ids)


def _more(count: int) -> list[str]:
    return [f"… and {count - MOST_SHOWN} more"] if count > MOST_SHOWN else []
