"""Reading what people type: commands and the words after them. Pure: text in, values or a typed mistake out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from risk.margin import Side
from trading.telegram.numbers import (
    AMOUNT,
    LEVERAGE,
    Level,
    Mistake,
    parse_amount,
    parse_level,
    parse_leverage,
    parse_order_id,
    parse_price,
    read_level,
)
from vanta.money import format_number

_COMMAND = re.compile(r"^/([a-z_]{1,32})(?:@\w{1,64})?$", re.IGNORECASE | re.ASCII)
_LEVELS = {"sl": "stop", "tp": "take-profit"}
_LEVEL = re.compile(r"^(?:sl=|tp=)?(?:off|none|\$?[0-9.][0-9.,_]*%?)$", re.IGNORECASE | re.ASCII)
_PRICE = re.compile(r"^(stop|limit|at)?[@=](.*)$", re.IGNORECASE | re.ASCII)
_FILLERS = frozenset({"usdc", "usd", "with"})
_BEFORE_A_PRICE = {"at": False, "@": False, "limit": False, "stop": True}  # whether it is a stop-limit's
_SIDES = {"long": Side.LONG, "buy": Side.LONG, "short": Side.SHORT, "sell": Side.SHORT}


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name in lower case and the words after it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitText:
    """A price that an opening is to wait for: `@2900`, or of a stop-limit order `stop@3100`."""

    price: Decimal
    is_stop: bool

    def __str__(self) -> str:
        return f"{'stop-limit' if self.is_stop else 'limit'} {format_number(self.price.normalize())}"


@dataclass(frozen=True, slots=True)
class OpeningText:
    """What `/long ETH 100 10x sl=2900` says; the market still as typed. The side is said by `/limit` alone."""

    market: str
    collateral_usd: Decimal
    leverage: Decimal
    stop_loss: Level | None
    take_profit: Level | None
    limit: LimitText | None = None
    side: Side | None = None


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

    def __init__(self, market: str, *, says_side: bool = False) -> None:
        self.market = market
        self.collateral: Decimal | None = None
        self.leverage: Decimal | None = None
        self.levels: dict[str, Level] = {}
        self.limit: LimitText | None = None
        self.side: Side | None = None
        self._says_side = says_side
        self._before: str = ""  # a word that a price may come after

    def read(self, word: str) -> None:
        before, self._before = self._before, ""
        name, separator, value = word.partition("=")
        name = name.lower()
        if before and (before != "at" or AMOUNT.match(word)):  # `at 10x` says nothing of a price
            self._read_limit(word, f"{before} {word}", is_stop=_BEFORE_A_PRICE[before])
        elif name in _LEVELS:
            self._read_level(name, value, word, is_complete=bool(separator))
        elif word.lower() in _BEFORE_A_PRICE:
            self._before = word.lower()
        elif found := _PRICE.match(word):
            self._read_limit(found[2], word, is_stop=(found[1] or "").lower() == "stop")
        elif LEVERAGE.match(word):
            if self.leverage is not None:
                raise Mistake("leverage_twice", word)
            self.leverage = parse_leverage(word)
        elif self._says_side and word.lower() in _SIDES:
            if self.side is not None:
                raise Mistake("side_twice", word)
            self.side = _SIDES[word.lower()]
        elif word.lower() not in _FILLERS:
            self._read_amount(word)

    def end(self) -> None:
        """There are no more words. Raises Mistake where one should have been a price."""
        if self._before not in ("", "at"):
            raise Mistake("price_without_value", self._before)

    def _read_amount(self, word: str) -> None:
        if self.collateral is not None:
            raise Mistake("amount_twice" if AMOUNT.match(word) else "not_understood", word)
        self.collateral = parse_amount(word)

    def _read_limit(self, text: str, shown: str, *, is_stop: bool) -> None:
        if self.limit is not None:
            raise Mistake("price_twice", shown)
        self.limit = LimitText(parse_price(text, shown=shown), is_stop)

    def _read_level(self, name: str, value: str, word: str, *, is_complete: bool) -> None:
        if not is_complete:
            raise Mistake("level_without_value", word)
        if name in self.levels:
            raise Mistake("level_twice", word)
        self.levels[name] = parse_level(value, shown=word)

    @property
    def understood(self) -> tuple[str, ...]:
        parts = [self.market]
        if self.side is not None:
            parts.append(self.side.value)
        if self.collateral is not None:
            parts.append(f"{format_number(self.collateral)} USDC")
        if self.leverage is not None:
            parts.append(f"{format_number(self.leverage)}x")
        if self.limit is not None:
            parts.append(str(self.limit))
        return (*parts, *(f"{_LEVELS[name]} {level}" for name, level in self.levels.items()))


def parse_opening(words: tuple[str, ...]) -> OpeningText:
    """The market, then collateral, leverage, sl=, tp= and a price to wait for in any order.

    Raises Mistake, which says what was clear.
    """
    return _complete(_read_opening(words))


def parse_limit(words: tuple[str, ...]) -> OpeningText:
    """The same with the side among the words, and a price that has to be there."""
    if len(words) > 1 and words[0].lower() in _SIDES:
        words = (words[1], words[0], *words[2:])
    opening = _read_opening(words, says_side=True)
    if opening.side is None or opening.limit is None:
        missing = "missing_side" if opening.side is None else "missing_price"
        raise Mistake(missing, understood=opening.understood)
    return _complete(opening)


def _complete(opening: _Opening) -> OpeningText:
    if opening.collateral is None or opening.leverage is None:
        missing = "missing_collateral" if opening.collateral is None else "missing_leverage"
        raise Mistake(missing, understood=opening.understood)
    return OpeningText(
        opening.market,
        opening.collateral,
        opening.leverage,
        opening.levels.get("sl"),
        opening.levels.get("tp"),
        opening.limit,
        opening.side,
    )


def parse_increase(words: tuple[str, ...]) -> IncreaseText:
    """The market or the position, then collateral and perhaps leverage, in any order. Raises Mistake."""
    opening = _read_opening(words)
    if opening.levels:
        raise Mistake("level_stays", understood=opening.understood)
    if opening.limit is not None:
        raise Mistake("no_price_here", understood=opening.understood)
    if opening.collateral is None:
        raise Mistake("missing_collateral", understood=opening.understood)
    return IncreaseText(opening.market, opening.collateral, opening.leverage)


def _read_opening(words: tuple[str, ...], *, says_side: bool = False) -> _Opening:
    if not words:
        raise Mistake("missing_market")
    if AMOUNT.match(words[0]) or LEVERAGE.match(words[0]):
        raise Mistake("market_first", words[0])
    opening = _Opening(words[0], says_side=says_side)
    first: Mistake | None = None
    steps: list[Callable[[], None]] = [*(partial(opening.read, word) for word in words[1:]), opening.end]
    for read in steps:
        try:
            read()
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
