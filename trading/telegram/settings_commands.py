"""What /settings does: one page of all that a trader can choose, changed by typing or by its buttons.

A button carries the words that could be typed, so both are read by the same code. Another setting is another entry in
SETTINGS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from trading import selectors
from trading.limits import limits_of
from trading.models import Trader
from trading.models.traders import BufferAction, Mode
from trading.services import traders
from trading.telegram import settings_pages
from trading.telegram.cards import Payload
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_amount
from trading.telegram.settings_pages import REDUCE, TELL, BufferChoice, Shown

Words = tuple[str, ...]
EXAMPLE = "<code>/settings buffer add 50</code>"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to choose. `choose` keeps what the words say, and answers with it in words; raises Mistake."""

    shown: Callable[[Trader], Shown]
    choose: Callable[[Trader, Words], str]


def settings(context: Context, words: Words) -> None:
    """The page; with the name of a setting and a choice, that choice first."""
    if len(words) > 1:
        _choose(context.trader, words)
    elif words:
        _named(words[0])
    context.reply(_page(context.trader, is_saved=len(words) > 1))


def tap(context: Context, argument: str) -> None:
    """Choose what the button says: `<setting>:<words>`."""
    context.toast(_choose(context.trader, tuple(argument.split(":"))))
    context.edit(_page(context.trader))


def _page(trader: Trader, *, is_saved: bool = False) -> Payload:
    return settings_pages.page([setting.shown(trader) for setting in SETTINGS.values()], is_saved=is_saved)


def _choose(trader: Trader, words: Words) -> str:
    return _named(words[0]).choose(trader, words[1:])


def _named(word: str) -> Setting:
    found = SETTINGS.get(word.lower())
    if found is None:
        raise Mistake("unknown_setting", word)
    return found


# Close to liquidation


def _buffer_of(trader: Trader) -> BufferChoice:
    return BufferChoice(BufferAction(trader.buffer_action), Decimal(trader.buffer_cap_usd).normalize())


def _show_buffer(trader: Trader) -> Shown:
    account = selectors.balance(trader, Mode.DRY)
    return settings_pages.buffer(
        _buffer_of(trader),
        buffer_pct=limits_of(trader).liquidation_buffer_pct,
        free_usd=account.free_usd - account.reserved_usd,
    )


def _choose_buffer(trader: Trader, words: Words) -> str:
    choice = _read_buffer(words)
    said = settings_pages.buffer_now(choice)
    if choice == _buffer_of(trader):
        return f"That is so already: {said}."
    traders.choose_buffer_action(trader=trader, action=choice.action, cap_usd=choice.cap_usd)
    return f"Saved: close to liquidation {said}."


def _read_buffer(words: Words) -> BufferChoice:
    word, *rest = words or ("",)
    plain = {"alert": TELL, "reduce": REDUCE}.get(word.lower())
    if plain is None and word.lower() != "add":
        raise Mistake("not_a_buffer_choice", word)
    if plain is None and not rest:
        raise Mistake("missing_cap", understood=("buffer", "add"))
    if extra := rest if plain else rest[1:]:
        raise Mistake("not_understood", extra[0])
    return plain or BufferChoice(BufferAction.ADD_MARGIN, parse_amount(rest[0]).normalize())


SETTINGS = {"buffer": Setting(_show_buffer, _choose_buffer)}
