"""Limits in words: their names, their values as people read and type them. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risk.limits import NAMES, Binding, Value, value_of
from risk.values import Limits
from trading.telegram.numbers import Mistake, parse_amount, parse_leverage
from vanta.money import HUNDRED, ONE, ZERO, InvalidNumber, format_number, format_usd, to_decimal

MINUTES = {"": 1, "m": 1, "min": 1, "h": 60, "d": 24 * 60}
HOURS = {"": 1, "h": 1, "d": 24}
DAYS = {"": 1, "d": 1}
_COUNT = re.compile(r"([0-9]{1,6})\s*([a-z]*)", re.ASCII)
_FRACTION = re.compile(r"([0-9]*\.?[0-9]+)(%?)", re.ASCII)
MAX_COUNT = 1_000_000
FRACTION_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class LimitWords:
    """How one limit is called and written. `unit` is usd, fraction, times, count, s, minutes, hours or days."""

    title: str
    unit: str
    typed: tuple[str, ...] = ()


WORDS: Mapping[str, LimitWords] = {
    "max_position_size_usd": LimitWords("Size in one market", "usd", ("size", "position", "position_size")),
    "max_leverage": LimitWords("Leverage", "times", ("leverage", "lev")),
    "max_account_risk_pct": LimitWords("Loss of one position", "fraction", ("account_risk", "risk")),
    "max_daily_loss_pct": LimitWords("Loss of a day", "fraction", ("daily_loss", "loss")),
    "liquidation_buffer_pct": LimitWords("Liquidation buffer", "fraction", ("buffer", "liquidation_buffer")),
    "opens_per_minute": LimitWords("Openings in a minute", "count", ("opens_per_minute", "per_minute")),
    "trades_per_day": LimitWords("Openings in a day", "count", ("trades_per_day", "per_day", "trades")),
    "hourly_volume_usd": LimitWords("Volume of an hour", "usd", ("hourly_volume", "hour")),
    "daily_volume_usd": LimitWords("Volume of a day", "usd", ("daily_volume", "day")),
    "price_max_age_s": LimitWords("Age of a price", "s"),
    "price_max_uncertainty_share": LimitWords("Uncertainty of a price", "fraction"),
    "cooldown_minutes": LimitWords("Cool-down after a stop-out", "minutes", ("cooldown", "cool-down", "cool_down")),
    "drawdown_pct": LimitWords("Drawdown lock", "fraction", ("drawdown",)),
    "drawdown_days": LimitWords("Drawdown lock, days back", "days", ("drawdown_days",)),
    "market_stops": LimitWords("Stops that lock a market", "count", ("market_stops", "stops")),
    "market_stops_hours": LimitWords("Stops that lock a market, within", "hours", ("stops_hours",)),
}
PAIRED = {"drawdown_pct": "drawdown_days", "market_stops": "market_stops_hours"}
TYPED = {word: name for name, words in WORDS.items() for word in (*words.typed, name)}
SETTABLE = tuple(words.typed[0] for words in WORDS.values() if words.typed)


_NAMED = ", ".join(f"<code>{word}</code>" for word in SETTABLE)
MISTAKES = {
    "missing_limit": f"Which limit? One of: {_NAMED}.",
    "not_a_limit": f"There is no such limit to set. There are: {_NAMED}.",
    "missing_value": "To what? A value comes after its name.",
    "not_a_fraction": "Write a share like <code>5%</code> or <code>0.05</code>, 100 % at most.",
    "not_a_count": "Write a whole number above zero, or a time: <code>90m</code>, <code>24h</code>, <code>7d</code>.",
    "missing_pair": "This lock needs two values, like <code>drawdown 10% 7d</code> or <code>stops 3 24h</code>.",
    "not_a_risk_word": "There is only <code>/risk</code> and <code>/risk set</code>.",
}


def title(name: str) -> str:
    return "May loosen" if name == "may_loosen" else WORDS[name].title


def shown(name: str, value: Value | None) -> str:
    """`20x`, `5 %`, `10,000 USDC`, `60 min`; `off` for a protection that is not there."""
    if value is None:
        return "off"
    number = Decimal(value)
    match WORDS[name].unit:
        case "usd":
            return f"{format_usd(number).removesuffix('.00')} USDC"
        case "fraction":
            return f"{format_number((number * HUNDRED).normalize())} %"
        case "times":
            return f"{format_number(number.normalize())}x"
        case "minutes" | "hours" | "days" | "s" as unit:
            return f"{format_number(number)} {'min' if unit == 'minutes' else unit}"
        case _:
            return format_number(number)


def changed(before: Limits, after: Limits) -> list[tuple[str, str, str]]:
    """Title, old and new value of every limit that is different."""
    pairs = ((name, value_of(before, name), value_of(after, name)) for name in NAMES)
    return [(title(name), shown(name, old), shown(name, new)) for name, old, new in pairs if old != new]


def rows(binding: Binding) -> list[tuple[str, str, str]]:
    """Title, value and source of every limit; protections that are off are left out."""
    values = ((name, value_of(binding.limits, name)) for name in WORDS)
    return [(title(n), shown(n, value), str(binding.source(n))) for n, value in values if value is not None]


def parse_setting(words: Sequence[str]) -> dict[str, Value]:
    """`leverage 20`, `size 10k`, `daily_loss 5%`, `drawdown 10% 7d`, `stops 3 24h`: values by name. Raises Mistake."""
    words = [part for word in words for part in word.split("=", 1) if part]
    if not words:
        raise Mistake("missing_limit")
    name = TYPED.get(words[0].lower().replace("-", "_")) or TYPED.get(words[0].lower())
    if name is None or not WORDS[name].typed:
        raise Mistake("not_a_limit", words[0])
    if len(words) < 2:
        raise Mistake("missing_value", words[0])
    values: dict[str, Value] = {name: parse_value(name, words[1])}
    rest = words[2:]
    if rest and name in PAIRED:
        values[PAIRED[name]] = parse_value(PAIRED[name], rest[0])
        rest = rest[1:]
    if rest:
        raise Mistake("not_understood", rest[0], (title(name),))
    return values


def missing_partner(values: Mapping[str, Value], limits: Limits) -> bool:
    """Whether one half of a lock would be set that has no other half."""
    pairs = [*PAIRED.items(), *((second, first) for first, second in PAIRED.items())]
    return any(first in values and second not in values and value_of(limits, second) is None for first, second in pairs)


def parse_value(name: str, word: str) -> Value:
    """A value as typed for this limit; zero is none. Raises Mistake."""
    match WORDS[name].unit:
        case "usd":
            return parse_amount(word)
        case "times":
            return parse_leverage(word if "x" in word.lower() else f"{word}x")
        case "fraction":
            return _parse_fraction(word)
        case "minutes":
            return _parse_count(word, MINUTES)
        case "hours":
            return _parse_count(word, HOURS)
        case "days":
            return _parse_count(word, DAYS)
        case "s":
            return _number(word.removesuffix("s"), "not_a_number", word)
        case _:
            return _parse_count(word, {"": 1})


def _parse_fraction(word: str) -> Decimal:
    """`5%` and `0.05` are the same; a bare 5 could be either."""
    found = _FRACTION.fullmatch(word)
    if found is None:
        raise Mistake("not_a_fraction", word)
    value = _number(found.group(1), "not_a_fraction", word)
    share = value / HUNDRED if found.group(2) else value
    if share > ONE or round(share, FRACTION_DECIMALS) != share:
        raise Mistake("not_a_fraction", word)
    return share


def _parse_count(word: str, units: Mapping[str, int]) -> int:
    found = _COUNT.fullmatch(word.lower())
    if found is None or found.group(2) not in units:
        raise Mistake("not_a_count", word)
    count = int(found.group(1)) * units[found.group(2)]
    if not 0 < count <= MAX_COUNT:
        raise Mistake("not_a_count", word)
    return count


def _number(text: str, problem: str, word: str) -> Decimal:
    try:
        value = to_decimal(text)
    except InvalidNumber as error:
        raise Mistake(problem, word) from error
    if value <= ZERO:
        raise Mistake("not_positive", word)
    return value
