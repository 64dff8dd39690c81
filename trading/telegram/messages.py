"""The wording of refusals and mistakes: what happened, with its numbers, and what to do next. HTML of the Bot API."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from html import escape, unescape
from typing import Any

from risk.trading_state import TradingState
from trading.telegram import limit_words, price_words, protection_words, rate_words
from trading.telegram.parsing import Mistake
from trading.telegram.time_words import age, moment
from vanta.money import format_number, format_percent, format_price, format_usd

OPENING_EXAMPLE = "<code>/long ETH 100 10x sl=2900</code>"
CLOSING_EXAMPLE = "<code>/close ETH 50%</code>"
MAX_QUOTED = 60

_MISTAKES: dict[str, str] = {
    "missing_market": "Which market? A symbol comes first.",
    "market_first": "The market comes first.",
    "missing_collateral": "How much collateral? An amount in USDC is missing.",
    "missing_leverage": "How much leverage? Something like <code>10x</code> is missing.",
    "not_understood": "I do not understand this part.",
    "leverage_twice": "There are two leverages; one is enough.",
    "amount_twice": "There are two amounts. Leverage is written with an x, like <code>10x</code>.",
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
    "missing_order": "Which order? Its number is on its card, like <code>12</code>.",
    "not_a_resolution": "Charts come as <code>1m</code>, <code>5m</code>, <code>1h</code> and <code>1d</code>.",
    "resolution_twice": "There are two resolutions; one is enough.",
    "unknown_setting": "There is no such setting. /settings shows them.",
    "not_a_buffer_choice": "Choose <code>alert</code>, <code>reduce</code> or <code>add</code> with an amount.",
    "missing_cap": "How much may be added to one position? An amount in USDC is missing.",
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


def _usd(numbers: Numbers, name: str) -> str:
    return f"{format_usd(Decimal(numbers[name]))} USDC" if name in numbers else "—"


def _at_most(amount: Decimal) -> str:
    """Whole cents and never more than that is: who types what is named here is not refused again."""
    return format_usd(cents) if (cents := amount.quantize(Decimal("0.01"), ROUND_FLOOR)) else format_number(amount)


def _percent(numbers: Numbers, name: str) -> str:
    return format_percent(Decimal(numbers[name]), 3) if name in numbers else "—"


def _price(numbers: Numbers, name: str) -> str:
    return format_price(Decimal(numbers[name])) if name in numbers else "—"


def _times(numbers: Numbers, name: str) -> str:
    return f"{format_number(Decimal(numbers[name]).normalize())}x" if name in numbers else "—"


def _no_price_to_trust(reason: str) -> str:
    why = f": {price_words.why_no_price(reason)}" if reason else ""
    return f"No price can be trusted right now{why}."


def _leverage(n: Numbers) -> str:
    if n.get("detail") == "minimum":
        return f"Leverage {_times(n, 'measured')} is below this market's minimum of {_times(n, 'limit')}."
    other = f" {escape(n['detail'].removesuffix('/USD'))} offers more." if n.get("detail") else ""
    return f"Leverage {_times(n, 'measured')} is above the limit of {_times(n, 'limit')}.{other}"


_DENIALS: dict[str, Callable[[Numbers], str]] = {
    "trading_state": lambda n: (
        "Trading is halted: nothing is sent to the venue."
        if n.get("detail") == "halted"
        else "Trading is being wound down: no openings now. Closing works."
    ),
    "market_not_listed": lambda _: "The venue does not list this market any more.",
    "market_close_only": lambda _: "The venue only takes closings in this market.",
    "market_closed": lambda n: closed(n.get("detail", "")),
    "previous_order_unresolved": lambda _: "What became of your last order here is not known yet. Closing works.",
    "price_unavailable": lambda n: _no_price_to_trust(str(n.get("detail", ""))),
    "price_stale": lambda n: f"The price is {n.get('measured')} s old; {n.get('limit')} s is the limit.",
    "price_uncertain": lambda n: (
        f"The price is uncertain by {_percent(n, 'measured')}; at this leverage {_percent(n, 'limit')} is the limit."
    ),
    "too_many_positions": lambda n: f"The venue takes {n.get('limit')} positions in a market.",
    "leverage": _leverage,
    "min_notional": lambda n: f"Notional {_usd(n, 'measured')} is below the venue's minimum of {_usd(n, 'limit')}.",
    "position_size": lambda n: (
        f"Your exposure in this market would be {_usd(n, 'measured')}; the limit is {_usd(n, 'limit')}."
    ),
    "headroom": lambda n: f"The venue has room for {_usd(n, 'limit')} of notional here.",
    "margin": lambda n: f"Collateral and fee are {_usd(n, 'measured')}; {_usd(n, 'limit')} is free.",
    "account_risk": lambda n: (
        f"You could lose {_usd(n, 'measured')} here; the limit for one position is {_usd(n, 'limit')}."
    ),
    "daily_loss": lambda n: (
        f"With this order you could lose {_usd(n, 'measured')} today; the limit for a day is {_usd(n, 'limit')}."
    ),
    "daily_loss_locked": lambda n: (
        f"You have reached today's loss limit of {_usd(n, 'limit')}. Opening opens again at 00:00 UTC. Closing works."
    ),
    "cooldown": protection_words.cooling_down,
    "drawdown_lock": protection_words.drawn_down,
    "market_lock": protection_words.market_locked,
    "spread_too_wide": lambda n: f"The spread is {_percent(n, 'measured')}; {_percent(n, 'limit')} is the limit.",
    "spread_loss": lambda n: f"The spread alone would cost {_percent(n, 'measured')} of the collateral.",
    "liquidation_buffer": lambda n: (
        f"Too close to liquidation: {_percent(n, 'measured')} away; at least {_percent(n, 'limit')} is needed."
    ),
    "stop_wrong_side": lambda n: f"The stop {_price(n, 'measured')} is on the wrong side of {_price(n, 'limit')}.",
    "stop_beyond_liquidation": lambda n: (
        f"The stop {_price(n, 'measured')} lies beyond liquidation at {_price(n, 'limit')}: it would never fire."
    ),
    "stop_too_far": lambda n: (
        f"The stop loses {_percent(n, 'measured')} of the collateral; the venue takes {_percent(n, 'limit')}."
    ),
    "stop_too_close": lambda n: (
        f"The stop is {_percent(n, 'measured')} of the collateral away; at least {_percent(n, 'limit')}."
    ),
    "take_profit_wrong_side": lambda n: (
        f"The take-profit {_price(n, 'measured')} is on the wrong side of {_price(n, 'limit')}."
    ),
    "take_profit_too_far": lambda n: (
        f"The take-profit gains {_percent(n, 'measured')}; the venue pays {_percent(n, 'limit')}."
    ),
    "rate_limits_unavailable": lambda _: rate_words.UNAVAILABLE,
    "opens_per_minute": rate_words.opened_too_often,
    "trades_per_day": rate_words.opened_too_often,
    "hourly_volume": rate_words.opened_too_much,
    "daily_volume": rate_words.opened_too_much,
    "invalid_collateral": lambda _: "This collateral is not an amount that can be traded.",
    "invalid_leverage": lambda _: "This leverage is not one that can be traded (two decimals at most).",
    "invalid_stop": lambda _: "This stop is not a price.",
    "invalid_take_profit": lambda _: "This take-profit is not a price.",
    "invalid_slippage": lambda _: "The slippage allowance is not a fraction; an admin has to look at the settings.",
    "invalid_snapshot": lambda _: "Your account or this market cannot be read right now. Please tell an admin.",
    "trader_disabled": lambda _: "An admin has disabled openings for you. Closing works.",
}


def denial(numbers: Numbers) -> str:
    """One denial with its numbers and what would pass."""
    code = str(numbers.get("code", ""))
    known = _DENIALS.get(code)
    words = known(numbers) if known else code.replace("_", " ").capitalize() + "."
    passes = []
    if Decimal(numbers.get("max_collateral_usd", "0")) > 0:
        passes.append(f"up to {_at_most(Decimal(numbers['max_collateral_usd']))} USDC of collateral")
    if Decimal(numbers.get("max_leverage", "0")) > 0:
        passes.append(f"up to {_times(numbers, 'max_leverage')}")
    if "stop_price" in numbers:
        passes.append(f"with a stop at {format_number(Decimal(numbers['stop_price']))}")  # rounded, it might not pass
    hint = f"\n   ↳ passes {', or '.join(passes)}" if passes else ""
    return f"• {words}{hint}"


def denials(decision: Mapping[str, Any], reason: str) -> str:
    """All denials of an order, one a line."""
    listed = list(decision.get("denials") or [])
    known = {numbers["code"] for numbers in listed}
    listed += [{"code": code} for code in reason.split(",") if code and code not in known]
    return "\n".join(denial(numbers) for numbers in listed)


_REASONS = {
    "draft_expired": "The preview's time was over. Nothing was sent.",
    "overtaken_by_close": "Your closing came before Vanta could decide on this. Nothing was opened; "
    "send the order again if you still want it.",
    "canceled_by_close": "Your closing stopped it before it left. Nothing was opened.",
    "approval_expired": "It could not be sent in time. Nothing was sent.",
    "canceled_by_trader": "You canceled it. Nothing was sent.",
    "slippage_exceeded": "The price moved further than you allowed. Nothing was opened.",
    "no_price": "There was no price to trust. Nothing was changed.",
    "deadline_passed": "It reached the venue too late. Nothing was changed.",
    "never_executed": "It is proven that the venue never executed it. A new order is safe.",
    "trading_reducing": "Trading was being wound down before it left. Nothing was sent.",
    "trading_halted": "Trading was halted before it left. Nothing was sent.",
}


def reason(code: str) -> str:
    """Why an order ended, for its card."""
    return _REASONS.get(code, code.replace("_", " "))


_BANNERS = {
    TradingState.REDUCING: "🟠 <b>Winding down</b>: you can close, not open.",
    TradingState.HALTED: "🔴 <b>Trading is halted</b>: nothing is sent.",
}


def banner(state: TradingState) -> str:
    """The line above every answer while not everything may be traded; empty when it may."""
    return _BANNERS.get(state, "")


def plain(body: str) -> str:
    """The same words without markup, for a toast."""
    return unescape(re.sub(r"<[^>]+>", "", body)).strip()
