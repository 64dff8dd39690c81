"""Reading what people type. Pure: text in, values or a typed mistake out."""

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
_AMOUNT = re.compile(rf"^\$?({_NUMBER})([km]?)(?:usdc|usd|\$)?$", re.IGNORECASE | re.ASCII)
_LEVERAGE = re.compile(r"^(?:x([0-9.]+)|([0-9.]+)x)$", re.IGNORECASE | re.ASCII)
_COMMAND = re.compile(r"^/([a-z_]{1,32})(?:@\w{1,64})?$", re.IGNORECASE | re.ASCII)
_LEVELS = {"sl": "stop", "tp": "take-profit"}
_LEVEL = re.compile(r"^(?:sl=|tp=)?(?:off|none|\$?[0-9.][0-9.,_]*%?)$", re.IGNORECASE | re.ASCII)
_OFF = frozenset({"off", "none"})
MAX_LEVEL = 30  # letters: it has to go on a button
_FILLERS = frozenset({"usdc", "usd", "at", "with"})
LEVERAGE_DECIMALS = 2
USDC_DECIMALS = 6
MAX_COLLATERAL_USD = Decimal(10) ** 9
MAX_TYPED_LEVERAGE = Decimal(100_000)


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


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name in lower case and the words after it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpeningText:
    """What `/long ETH 100 10x sl=2900` says; the market still as typed."""

    market: str
    collateral_usd: Decimal
    leverage: Decimal
    stop_loss: Level | None
    take_profit: Level | None


@dataclass(frozen=True, slots=True)
class IncreaseText:
    """What `/increase ETH 50 5x` says; `target` is a market, or a position's number after a `#`."""

    target: str
    collateral_usd: Decimal
    leverage: Decimal | None

    @property
    def position_id(self) -> int | None:
        return parse_order_id(self.target) if self.target.startswith("#") else None


def parse_command(text: str) -> Command | None:
    """The command in a message; None where it is not one."""
    words = text.split()
    found = _COMMAND.match(words[0]) if words else None
    return Command(found.group(1).lower(), tuple(words[1:])) if found else None


class _Opening:
    """Reads the words after a market one by one; knows what it has understood so far."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.collateral: Decimal | None = None
        self.leverage: Decimal | None = None
        self.levels: dict[str, Level] = {}

    def read(self, word: str) -> None:
        name, separator, value = word.partition("=")
        name = name.lower()
        if name in _LEVELS:
            self._read_level(name, value, word, is_complete=bool(separator))
        elif _LEVERAGE.match(word):
            if self.leverage is not None:
                raise Mistake("leverage_twice", word)
            self.leverage = parse_leverage(word)
        elif word.lower() in _FILLERS:
            return
        elif self.collateral is None:
            self.collateral = parse_amount(word)
        else:
            raise Mistake("amount_twice" if _AMOUNT.match(word) else "not_understood", word)

    def _read_level(self, name: str, value: str, word: str, *, is_complete: bool) -> None:
        if not is_complete:
            raise Mistake("level_without_value", word)
        if name in self.levels:
            raise Mistake("level_twice", word)
        self.levels[name] = parse_level(value, shown=word)

    @property
    def understood(self) -> tuple[str, ...]:
        parts = [self.market]
        if self.collateral is not None:
            parts.append(f"{format_number(self.collateral)} USDC")
        if self.leverage is not None:
            parts.append(f"{format_number(self.leverage)}x")
        return (*parts, *(f"{_LEVELS[name]} {level}" for name, level in self.levels.items()))


def parse_opening(words: tuple[str, ...]) -> OpeningText:
    """The market, then collateral, leverage, sl= and tp= in any order. Raises Mistake, which says what was clear."""
    opening = _read_opening(words)
    if opening.collateral is None or opening.leverage is None:
        missing = "missing_collateral" if opening.collateral is None else "missing_leverage"
        raise Mistake(missing, understood=opening.understood)
    return OpeningText(
        opening.market, opening.collateral, opening.leverage, opening.levels.get("sl"), opening.levels.get("tp")
    )


def parse_increase(words: tuple[str, ...]) -> IncreaseText:
    """The market or the position, then collateral and perhaps leverage, in any order. Raises Mistake."""
    opening = _read_opening(words)
    if opening.levels:
        raise Mistake("level_stays", understood=opening.understood)
    if opening.collateral is None:
        raise Mistake("missing_collateral", understood=opening.understood)
    return IncreaseText(opening.market, opening.collateral, opening.leverage)


def _read_opening(words: tuple[str, ...]) -> _Opening:
    if not words:
        raise Mistake("missing_market")
    if _AMOUNT.match(words[0]) or _LEVERAGE.match(words[0]):
        raise Mistake("market_first", words[0])
    opening = _Opening(words[0])
    first: Mistake | None = None
    for word in words[1:]:
        try:
            opening.read(word)
        except Mistake as mistake:
            first = first or mistake
    if first is not None:
        raise Mistake(first.problem, first.shown, opening.understood)
    return opening


@dataclass(frozen=True, slots=True)
class LevelText:
    """What `/sl ETH 2900` says. `which` is a market or a position's number, empty where none is named.

    `level` is None where there is to be none; `shown` is the level as it was typed.
    """

    which: str
    level: Level | None
    shown: str


def parse_level_words(name: str, words: tuple[str, ...]) -> LevelText:
    """A position, where one is named, and a level or `off`; `name` is `sl` or `tp`. Raises Mistake."""
    if len(words) > 2:
        raise Mistake("not_understood", words[2], words[:1])
    if not words or (len(words) == 1 and not _LEVEL.match(words[0])):
        raise Mistake("missing_level", understood=words)
    shown = words[-1].lower().removeprefix(f"{name}=")
    which = words[0] if len(words) == 2 else ""
    return LevelText(which, read_level(shown, words[-1]), shown)


def read_level(text: str, shown: str) -> Level | None:
    """As `parse_level`; None for `off`. Raises Mistake."""
    if text.lower() in _OFF:
        return None
    if len(text) > MAX_LEVEL:
        raise Mistake("not_a_level", shown)
    return parse_level(text, shown=shown)


def parse_amount(word: str) -> Decimal:
    """`100`, `1k`, `1.5k`, `$250`, `1,000`, `100usdc` in USDC. Raises Mistake."""
    found = _AMOUNT.match(word)
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
    found = _LEVERAGE.match(word)
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
