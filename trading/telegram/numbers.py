"""Reading numbers and names of things as people type them. Pure: a word in, a value or a typed mistake out."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from vanta.errors import VantaError
from vanta.money import HUNDRED, ONE, ZERO, InvalidNumber, format_number, to_decimal

MAX_SHOWN = 60
_SUFFIXES = {"k": Decimal(1000), "m": Decimal(1_000_000)}
# Commas only between thousands: where a comma is the decimal point, 1,5 must never become fifteen.
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]+)?|\.[0-9]+"
_PLAIN = re.compile(_NUMBER, re.ASCII)
AMOUNT = re.compile(rf"^\$?({_NUMBER})([km]?)(?:usdc|usd|\$)?$", re.IGNORECASE | re.ASCII)
LEVERAGE = re.compile(r"^(?:x([0-9.]+)|([0-9.]+)x)$", re.IGNORECASE | re.ASCII)
_PRICE = re.compile(rf"^\$?({_NUMBER})(k?)$", re.IGNORECASE | re.ASCII)
_OFF = frozenset({"off", "none"})
MAX_LEVEL = 30  # letters: it has to go on a button
LEVERAGE_DECIMALS = 2
USDC_DECIMALS = 6
PRICE_DECIMALS = 10
MAX_COLLATERAL_USD = Decimal(10) ** 9
MAX_TYPED_LEVERAGE = Decimal(100_000)
MAX_TYPED_PRICE = Decimal(10) ** 12


class Mistake(VantaError):
    """The text cannot be carried out.

    `problem` names what is wrong, `shown` is the part that was not understood, `understood` what the rest means.
    """

    code = "mistake"

    def __init__(self, problem: str, shown: str = "", understood: tuple[str, ...] = ()) -> None:
        super().__init__(problem, shown=shown[:MAX_SHOWN])
        self.problem = problem
        self.shown = shown[:MAX_SHOWN]
        self.understood = understood


class LevelUnit(StrEnum):
    """How a stop or take-profit was given: a price, a move of the price in percent, or an amount in USDC."""

    PRICE = "price"
    PERCENT = "percent"
    USD = "usd"


@dataclass(frozen=True, slots=True)
class Level:
    """A stop or take-profit as typed; percent as a fraction."""

    unit: LevelUnit
    value: Decimal

    def __str__(self) -> str:
        if self.unit == LevelUnit.PERCENT:
            return f"{format_number(self.value * HUNDRED)}%"
        return f"{'$' if self.unit == LevelUnit.USD else ''}{format_number(self.value)}"


def read_level(text: str, shown: str) -> Level | None:
    """As `parse_level`; None for `off`. Raises Mistake."""
    if text.lower() in _OFF:
        return None
    if len(text) > MAX_LEVEL:
        raise Mistake("not_a_level", shown)
    return parse_level(text, shown=shown)


def parse_amount(word: str) -> Decimal:
    """`100`, `1k`, `1.5k`, `$250`, `1,000`, `100usdc` in USDC. Raises Mistake."""
    found = AMOUNT.match(word)
    if found is None:
        raise Mistake("not_an_amount", word)
    try:
        amount = to_decimal(found.group(1).replace(",", "").replace("_", ""))
    except InvalidNumber as error:
        raise Mistake("not_an_amount", word) from error
    amount *= _SUFFIXES.get(found.group(2).lower(), ONE)
    if amount <= ZERO:
        raise Mistake("not_positive", word)
    if amount > MAX_COLLATERAL_USD:
        raise Mistake("too_large", word)
    if _decimals(amount) > USDC_DECIMALS:
        raise Mistake("too_precise", word)
    return amount


def parse_leverage(word: str) -> Decimal:
    """`10x`, `x10`, `2.5x`. Raises Mistake, also below 1."""
    found = LEVERAGE.match(word)
    if found is None:
        raise Mistake("not_a_leverage", word)
    try:
        leverage = to_decimal(found.group(1) or found.group(2))
    except InvalidNumber as error:
        raise Mistake("not_a_leverage", word) from error
    if not ONE <= leverage <= MAX_TYPED_LEVERAGE or _decimals(leverage) > LEVERAGE_DECIMALS:
        raise Mistake("leverage_out_of_range", word)
    return leverage


def parse_level(text: str, *, shown: str) -> Level:
    """`2900` a price, `2%` a move of the price, `$50` a loss or gain in USDC. Raises Mistake."""
    if text.endswith("%"):
        return Level(LevelUnit.PERCENT, _positive(text[:-1], shown) / HUNDRED)
    if text.startswith("$"):
        return Level(LevelUnit.USD, _positive(text[1:], shown))
    return Level(LevelUnit.PRICE, _positive(text, shown))


def parse_price(text: str, *, shown: str) -> Decimal:
    """`2900`, `$2,900.5`, `58k` as a price. Raises Mistake."""
    found = _PRICE.match(text)
    if found is None:
        raise Mistake("not_a_price", shown)
    try:
        price = to_decimal(found.group(1).replace(",", "").replace("_", ""))
    except InvalidNumber as error:
        raise Mistake("not_a_price", shown) from error
    price *= _SUFFIXES.get(found.group(2).lower(), ONE)
    if price <= ZERO:
        raise Mistake("not_positive", shown)
    if price > MAX_TYPED_PRICE or _decimals(price) > PRICE_DECIMALS:
        raise Mistake("not_a_price", shown)
    return price


def _positive(text: str, shown: str) -> Decimal:
    if not _PLAIN.fullmatch(text):
        raise Mistake("not_a_level", shown)
    try:
        value = to_decimal(text.replace(",", "").replace("_", ""))
    except InvalidNumber as error:
        raise Mistake("not_a_level", shown) from error
    if value <= ZERO:
        raise Mistake("not_positive", shown)
    return value


def parse_share(word: str) -> Decimal:
    """`50%`, `all`, `half` as a fraction of a position. Raises Mistake."""
    named = {"all": ONE, "half": ONE / 2}.get(word.lower())
    if named is not None:
        return named
    if not word.endswith("%"):
        raise Mistake("not_a_share", word)
    try:
        share = _positive(word[:-1], word) / HUNDRED
    except Mistake as error:
        raise Mistake("not_a_share", word) from error
    if share > ONE:
        raise Mistake("not_a_share", word)
    return share


def parse_order_id(word: str) -> int:
    """`12` or `#12`. Raises Mistake."""
    digits = word.removeprefix("#")
    if not re.fullmatch(r"[0-9]{1,18}", digits, re.ASCII):
        raise Mistake("not_an_order", word)
    return int(digits)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
