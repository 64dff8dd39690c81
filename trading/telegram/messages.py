"""The wording of mistakes and of how orders end: what happened, and what to do next. HTML of the Bot API."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape, unescape
from typing import Any

from feeds.consensus import NoConsensus
from feeds.models import Market
from risk.trading_state import TradingState
from trading.telegram import limit_words, live_words, price_words
from trading.telegram.numbers import Mistake
from trading.telegram.time_words import age, moment
from vanta import clock

OPENING_EXAMPLE = "<code>/long ETH 100 10x sl=2900</code>"
CLOSING_EXAMPLE = "<code>/close ETH 50%</code>"
LIMIT_EXAMPLE = "<code>/limit ETH long 100 10x @2900 sl=2800</code>"
INCREASE_EXAMPLE = "<code>/increase ETH 50</code>"
MAX_QUOTED = 60

_MISTAKES: dict[str, str] = {
    "missing_market": "Which market? A symbol comes first.",
    "market_first": "The market comes first.",
    "missing_collateral": "How much collateral? An amount in USDC is missing.",
    "missing_leverage": "How much leverage? Something like <code>10x</code> is missing.",
    "not_understood": "I do not understand this part.",
    "leverage_twice": "There are two leverages; one is enough.",
    "amount_twice": "There are two amounts. Leverage is written with an x, like <code>10x</code>, "
    "a price to wait for with an @, like <code>@2900</code>.",
    "missing_side": "Long or short? One of the two words is missing.",
    "side_twice": "It is long or short; one is enough.",
    "missing_price": "Which price does it wait for? <code>@2900</code> is a limit order, "
    "<code>stop@3100</code> a stop-limit order.",
    "price_without_value": "A price comes after this: <code>@2900</code> or <code>stop@3100</code>.",
    "price_twice": "There are two prices; an order waits for one.",
    "not_a_price": "This is not a price. Write <code>@2900</code> or <code>stop@3100</code>.",
    "no_price_here": "An increase is executed at once; leave the price out.",
    "level_twice": "This level is there twice; one is enough.",
    "level_without_value": "A level is written with its value: <code>sl=2900</code> or <code>tp=2%</code>.",
    "not_an_amount": "This is not an amount. Write <code>100</code>, <code>1.5k</code> or <code>$250</code>.",
    "not_positive": "This has to be more than zero.",
    "too_large": "This is more than Vanta handles.",
    "too_precise": "USDC has six decimals at most.",
    "not_a_leverage": "This is not a leverage. Write <code>10x</code>.",
    "leverage_out_of_range": "Leverage starts at 1x and has two decimals at most.",
    "not_a_level": "Write a price (<code>2900</code>), a move (<code>2%</code>) or an amount (<code>$50</code>).",
    "not_a_share": "How much of it? Write <code>50%</code>, <code>half</code> or <code>all</code>.",
    "not_an_order": "Which one? Write its number, like <code>12</code>.",
    "missing_move": "How much? Write <code>+50</code> to add 50 USDC of margin, <code>-20</code> to withdraw 20.",
    "move_without_sign": "In or out? Write <code>+50</code> to add margin, <code>-20</code> to withdraw it.",
    "missing_order": "Which order? Its number is on its card, like <code>12</code>.",
    "not_a_resolution": "Charts come as <code>1m</code>, <code>5m</code>, <code>1h</code> and <code>1d</code>.",
    "resolution_twice": "There are two resolutions; one is enough.",
    "unknown_setting": "There is no such setting. /settings shows them.",
    "not_a_buffer_choice": "Choose <code>alert</code>, <code>reduce</code> or <code>add</code> with an amount.",
    "missing_cap": "How much may be added to one position? An amount in USDC is missing.",
    "missing_level": "Which level? Write a price (<code>2900</code>), a move from the entry (<code>2%</code>), "
    "an amount (<code>$50</code>), or <code>off</code>.",
    "level_stays": "The position keeps its stop and take-profit; leave them out here.",
    "level_not_a_price": "With these numbers the level is not a price above zero.",
}

Numbers = Mapping[str, Any]


def quoted(text: str, limit: int = MAX_QUOTED) -> str:
    """What somebody typed, to be shown: no markup, nothing invisible, nothing that turns the line around."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    visible = "".join(letter if letter.isprintable() else "�" for letter in shown)
    return f"<code>{escape(visible, quote=False)}</code>"


def mistake(error: Mistake, example: str) -> str:
    """What was understood, what was not, and an example of what would be."""
    lines = []
    if error.understood:
        lines.append("✏️ Understood: " + " · ".join(quoted(part) for part in error.understood))
    wrong = {**_MISTAKES, **limit_words.MISTAKES}.get(error.problem, "I do not understand this.")
    lines.append(f"🤔 {quoted(error.shown)}: {wrong}" if error.shown else f"🤔 {wrong}")
    if example:
        lines.append(f"For example: {example}")
    return "\n".join(lines)


def unknown_market(
    text: str, suggestions: Sequence[str], retyped: Callable[[str], str], example: str = OPENING_EXAMPLE
) -> str:
    """`retyped` gives the whole command with another market in its place."""
    lines = [f"🤔 There is no market {quoted(text)}."]
    if suggestions:
        lines += ["Did you mean:", *(f"  • {quoted(retyped(symbol))}" for symbol in suggestions)]
    else:
        lines += ["/markets lists them all.", f"For example: {example}"]
    return "\n".join(lines)


def unknown_command(text: str, near: Sequence[str]) -> str:
    """For text that is no command of ours; `near` are commands that look like it."""
    if text.strip().startswith("/"):
        hint = f" Did you mean /{near[0]}?" if near else ""
        return f"🤔 I do not know {quoted(text)}.{hint}\n/help shows what I can do.\nFor example: {OPENING_EXAMPLE}"
    return (
        f"🤔 I only understand commands, and {quoted(text)} is none: they begin with a slash.\n"
        f"/help shows them.\nFor example: {OPENING_EXAMPLE}"
    )


def something_broke(trace_id: str) -> str:
    return f"⚠️ Something broke on our side, and nothing was changed by it. Please try again.\n<i>trace {trace_id}</i>"


def no_price(symbol: str, reason: str) -> str:
    return (
        f"⏸ There is no price for {escape(symbol)} that Vanta trusts right now: {price_words.why_no_price(reason)}. "
        "Opening waits for one; closing works. Try again in a few seconds."
    )


def why_no_price(market: Market, mark: NoConsensus) -> str:
    """A market outside its hours has no price either, and that is all that is to be said."""
    if not market.is_open_at(clock.now()):
        return f"⏸ {closed(market.next_open_at)}"
    return no_price(market.symbol, mark.reason)


def no_history(symbol: str, resolution: str) -> str:
    return (
        f"🕯 The price history of {escape(symbol)} is still being gathered: "
        f"there are not two {resolution} candles yet. Please try again in a few minutes."
    )


def price_basis(detail: Numbers) -> list[str]:
    """A line that says what a closing was filled at where there was no consensus; none where there was."""
    lines = {
        "venue": "⚠️ Sources disagreed: filled at the venue's own price.",
        "last_mark": f"⚠️ No price could be trusted: filled at the last known one, {age(detail.get('age_ms', 0))} old.",
    }
    if "evaluated_at" in detail:
        at = dt.datetime.fromisoformat(str(detail["evaluated_at"]))
        return [f"⏱ Reached while Vanta was away, at {moment(at)}; filled at the price it had then."]
    basis = str(detail.get("price_basis", ""))
    return [lines[basis]] if basis in lines else []


def too_late_to_stop(orders: Sequence[Any]) -> str:
    """Openings that have left already: they may still become positions."""
    names = ", ".join(f"#{order.pk}" for order in orders)
    return f"⏳ Already on its way, too late to stop: order {names}. You will see here what comes of it; then close it."


def closed(opens_at: dt.datetime | str | None) -> str:
    """That a market is closed, and until when where it is known."""
    at = dt.datetime.fromisoformat(opens_at) if isinstance(opens_at, str) and opens_at else opens_at
    return f"The market is closed until {moment(at)}." if isinstance(at, dt.datetime) else "The market is closed."


_REASONS = {
    "draft_expired": "The preview's time was over. Nothing was sent.",
    "overtaken_by_close": "Your closing came before Vanta could decide on this. Nothing was opened; "
    "send the order again if you still want it.",
    "canceled_by_close": "Your closing stopped it before it left. Nothing was opened.",
    "panic": "You closed everything with /panic.",
    "canceled_by_panic": "You stopped your entries before it left. Nothing was opened.",
    "entries_stopped": "You had stopped your entries before it left. Nothing was opened.",
    "trader_disabled": "An admin had disabled openings for you before it left. Nothing was opened.",
    "approval_expired": "It could not be sent in time. Nothing was sent.",
    "canceled_by_trader": "You canceled it. Nothing was sent.",
    "slippage_exceeded": "The price moved further than you allowed. Nothing was opened.",
    "no_price": "There was no price to trust. Nothing was changed.",
    "position_closed": "Its position had ended before. Nothing was changed.",
    "prices_unwatched": "Prices that passed while Vanta was away are still being held against this position. "
    "Nothing was added; try again in a few minutes.",
    "market_not_listed": "The venue does not list this market any more. Nothing was sent.",
    "deadline_passed": "It reached the venue too late. Nothing was changed.",
    "never_executed": "It is proven that the venue never executed it. A new order is safe.",
    "overtaken_by_closing": "Your closing came first. No margin was moved.",
    "leverage_not_taken": "The venue does not take the leverage that would result. No margin was moved.",
    "loss_not_covered": "What would be left does not cover the position's loss. No margin was moved.",
    "trading_reducing": "Trading was being wound down before it left. Nothing was sent.",
    **live_words.REASONS,
    "trading_halted": "Trading was halted before it left. Nothing was sent.",
}


def reason(code: str) -> str:
    """Why an order ended, for its card."""
    known, _, detail = code.partition(":")
    words = _REASONS.get(known, known.replace("_", " "))
    return f"{words} ({escape(detail)})" if detail else words


_BANNERS = {
    TradingState.REDUCING: "🟠 <b>Winding down</b>: you can close, not open.",
    TradingState.HALTED: "🔴 <b>Trading is halted</b>: nothing is sent.",
}


ENTRIES_STOPPED = "🛑 <b>You have stopped your entries</b>: you can close, not open. /panic off resumes."


def banner(state: TradingState, *, has_panicked: bool = False) -> str:
    """The lines above every answer while not everything may be traded; empty when it may."""
    return "\n".join(line for line in (_BANNERS.get(state, ""), ENTRIES_STOPPED if has_panicked else "") if line)


def plain(body: str) -> str:
    """The same words without markup, for a toast."""
    return unescape(re.sub(r"<[^>]+>", "", body)).strip()
