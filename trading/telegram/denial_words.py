"""The wording of denials: the limit that an order met, with its numbers, and what would pass. HTML of the Bot API."""

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal
from html import escape
from typing import Any

from trading.telegram import live_words, price_words, protection_words, rate_words
from trading.telegram.messages import Numbers, closed
from vanta.money import format_number, format_percent, format_price, format_usd

_DECIMALS = range(3, 10)  # of a percentage


def _usd(numbers: Numbers, name: str) -> str:
    return f"{format_usd(Decimal(numbers[name]))} USDC" if name in numbers else "—"


def _at_most(amount: Decimal) -> str:
    """Whole cents and never more than that is: who types what is named here is not refused again."""
    return format_usd(cents) if (cents := amount.quantize(Decimal("0.01"), ROUND_FLOOR)) else format_number(amount)


def _percent(numbers: Numbers, name: str) -> str:
    """With as many decimals as tell what was measured from its limit."""
    if name not in numbers:
        return "—"
    both = {Decimal(numbers[each]) for each in ("measured", "limit") if each in numbers}
    decimals = next((each for each in _DECIMALS if len({format_percent(one, each) for one in both}) == len(both)), 3)
    return format_percent(Decimal(numbers[name]), decimals)


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


_STATES = {
    "halted": "Trading is halted: nothing is sent to the venue.",
    "reducing": "Trading is being wound down: no openings now. Closing works.",
    "looser": "Trading is being wound down: a stop can be tightened now, not loosened or removed. Closing works.",
}
_WAITS = {
    "limit long": "A limit order to buy waits below the mark of {mark}; at {price} it would be bought at once. "
    "To buy when it rises to {price}, write <code>stop@{typed}</code>.",
    "limit short": "A limit order to sell waits above the mark of {mark}; at {price} it would be sold at once. "
    "To sell when it falls to {price}, write <code>stop@{typed}</code>.",
    "stop_limit long": "A stop-limit order to buy waits above the mark of {mark}; at {price} it would be bought at "
    "once. To buy when it falls to {price}, write <code>@{typed}</code>.",
    "stop_limit short": "A stop-limit order to sell waits below the mark of {mark}; at {price} it would be sold at "
    "once. To sell when it rises to {price}, write <code>@{typed}</code>.",
}


def _waits_for_nothing(n: Numbers) -> str:
    words = _WAITS.get(str(n.get("detail", "")))
    if words is None or "measured" not in n:
        return "This price is on the wrong side of the mark: it would be executed at once."
    typed = f"{Decimal(n['measured']).normalize():f}"
    return words.format(mark=_price(n, "limit"), price=_price(n, "measured"), typed=typed)


_DENIALS: dict[str, Callable[[Numbers], str]] = {
    "trading_state": lambda n: _STATES.get(str(n.get("detail", "")), _STATES["reducing"]),
    "market_not_listed": lambda _: "The venue does not list this market any more.",
    "market_close_only": lambda _: "The venue only takes closings in this market.",
    "market_closed": lambda n: closed(n.get("detail", "")),
    "previous_order_unresolved": lambda _: "What became of your last order here is not known yet. Closing works.",
    "all_of_the_margin": lambda n: f"The position has {_usd(n, 'limit')} of margin; not all of it can be withdrawn.",
    "order_under_way": lambda _: "Another order about this position is under way. Try again in a moment.",
    "price_unavailable": lambda n: _no_price_to_trust(str(n.get("detail", ""))),
    "price_stale": lambda n: f"The price is {n.get('measured')} s old; {n.get('limit')} s is the limit.",
    "price_uncertain": lambda n: (
        f"The price is uncertain by {_percent(n, 'measured')}; at this leverage {_percent(n, 'limit')} is the limit."
    ),
    "too_many_positions": lambda n: f"The venue takes {n.get('limit')} positions in a market.",
    "no_limit_orders": lambda _: (
        "Upside markets have no limit orders: they are opened at once. Leave the price out, or take the plain market."
    ),
    "limit_wrong_side": _waits_for_nothing,
    "invalid_limit": lambda _: "The price to wait for is not a price.",
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
    **live_words.DENIALS,
    "position_closed": lambda _: "That position has ended, or is being closed. /positions shows what is open.",
    "entries_stopped": lambda _: "You have stopped your entries. Closing works; /panic off resumes.",
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
    if "take_profit_price" in numbers:
        passes.append(f"with a take-profit at {format_number(Decimal(numbers['take_profit_price']))}")
    hint = f"\n   ↳ passes {', or '.join(passes)}" if passes else ""
    return f"• {words}{hint}"


def denials(decision: Mapping[str, Any], reason: str) -> str:
    """All denials of an order, one a line."""
    listed = list(decision.get("denials") or [])
    known = {numbers["code"] for numbers in listed}
    listed += [{"code": code} for code in reason.split(",") if code and code not in known]
    return "\n".join(denial(numbers) for numbers in listed)
